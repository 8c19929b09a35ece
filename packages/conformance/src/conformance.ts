import type { Capabilities } from "@conclave/api";
import { Kit } from "./kit.js";
import { type CaseResult, type Verdict, writeReport } from "./report.js";
import type { Runner } from "./runner.js";
import type { Case, Need, Suite } from "./suite.js";
import { allSuites } from "./suites/index.js";
import type { ConformanceTarget, TestClient } from "./target.js";

export interface ConformanceOptions {
  readonly runner: Runner;
  /** What the target offers, known before it is started, so that tests can be named. */
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly sessionTimeoutMs: number;
  /** What the target can inject; the cases that need anything else are reported as "not proven here". */
  readonly offers: readonly Need[];
  start(): Promise<ConformanceTarget>;
  /** Default: all. */
  readonly suites?: readonly Suite[];
  /** Folder for the machine-readable result, one file a target. Default: none is written. */
  readonly reportFolder?: string | undefined;
}

/** What a case may take beyond its session timeouts: connecting, processes that start, a loaded machine. */
const allowanceMs = 20_000;

/** Registers the whole suite with a test runner. Call it at the top level of a test file. */
export function conformance(options: ConformanceOptions): void {
  const { runner, name, sessionTimeoutMs, suites = allSuites } = options;
  const results: CaseResult[] = [];
  let target: ConformanceTarget | undefined;

  runner.describe(`conformance: ${name}`, () => {
    runner.beforeAll(async () => {
      target = await options.start();
      await provesItself(target, options.offers);
    }, 120_000);
    runner.afterAll(async () => {
      await target?.stop();
      if (options.reportFolder) await writeReport(options.reportFolder, { target: name, results });
    }, 60_000);

    for (const suite of suites) {
      runner.describe(suite.name, () => {
        for (const test of suite.cases) register(test);
      });
    }
  });

  function register(test: Case): void {
    if (test.when && !test.when(options.capabilities)) return;
    const missing = test.needs.filter((need) => !options.offers.includes(need));
    const record = (verdict: Verdict) => results.push({ clause: test.clause, title: test.title, verdict });
    if (missing.length > 0) {
      runner.it.skip(
        `${test.clause} ${test.title} [not proven here: needs ${missing.join(", ")}]`,
        async () => {},
      );
      record("not proven here");
      return;
    }
    const run = async () => {
      if (!target) throw new Error("the target did not start");
      const kit = new Kit(target);
      try {
        await test.run(kit);
        record(test.weaker ? "declared weaker" : "proven");
      } catch (error) {
        record("failed");
        throw error;
      } finally {
        await kit.cleanUp();
      }
    };
    runner.it(`${test.clause} ${test.title}`, run, allowanceMs + test.timeouts * sessionTimeoutMs);
  }
}

/** Before anything else: the target is what it says, its clients are isolated from each other and its faults bite. */
async function provesItself(target: ConformanceTarget, offers: readonly Need[]): Promise<void> {
  const kit = new Kit(target);
  try {
    const test: TestClient = await kit.testClient();
    const has: Record<Need, boolean> = {
      link: test.link !== undefined,
      halfOpen: test.link?.halfOpen !== undefined,
      requests: test.link?.requests !== undefined,
      notifications: test.link?.notifications !== undefined,
      process: target.process !== undefined,
      expireSession: target.expireSession !== undefined,
      restartServer: target.restartServer !== undefined,
      compact: target.compact !== undefined,
      writeForeign: target.writeForeign !== undefined,
    };
    for (const need of offers)
      if (!has[need]) throw new Error(`the target offers ${need} and does not have it`);
    for (const [need, present] of Object.entries(has)) {
      if (present && !offers.includes(need as Need))
        throw new Error(`the target has ${need} and does not offer it`);
    }
  } finally {
    await kit.cleanUp();
  }
}
