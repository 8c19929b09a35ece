import type { Capabilities } from "@conclave/api";
import { advised } from "./advice.js";
import { Kit } from "./kit.js";
import { limited } from "./limited.js";
import { type CaseResult, type Verdict, writeReport } from "./report.js";
import type { Runner } from "./runner.js";
import { provesItself } from "./self-proof.js";
import type { Case, Need, Suite } from "./suite.js";
import { allSuites } from "./suites/index.js";
import type { ConformanceTarget } from "./target.js";

export interface ConformanceOptions {
  readonly runner: Runner;
  /** What the target offers, known before it is started, so that tests can be named. */
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly sessionTimeoutMs: number;
  /** What the target can inject; the cases that need anything else are reported as "not proven here". */
  readonly offers: readonly Need[];
  /** Why nothing can be proven here, where a piece of the target itself is missing: all cases are then reported as "not proven here". */
  readonly missing?: string | undefined;
  start(): Promise<ConformanceTarget>;
  /** Default: all. */
  readonly suites?: readonly Suite[];
  /** Runs the cases of a suite beside each other, but for those whose faults hit the others. Default false. */
  readonly concurrent?: boolean;
  /** Folder for the machine-readable result, one file a target. Default: none is written. */
  readonly reportFolder?: string | undefined;
}

/** What a case may take beyond its session timeouts: connecting, processes that start, a loaded machine. */
const allowanceMs = 20_000;
/** What cleaning up may take, so that a case that hangs is reported before the runner gives it up. */
const cleanUpMs = 10_000;
/** So that our own limits are told of before the runner's. */
const sparesMs = 2_000;

/** Registers the whole suite with a test runner. Call it at the top level of a test file. */
export function conformance(options: ConformanceOptions): void {
  const { runner, name, sessionTimeoutMs, suites = allSuites } = options;
  const verdicts = new Map<Case, Verdict>();
  let target: ConformanceTarget | undefined;

  runner.describe(`conformance: ${name}`, () => {
    if (options.missing === undefined) setUp();
    else reportMissing();
    for (const suite of suites) {
      runner.describe(suite.name, () => {
        const cases = casesOf(suite);
        // Those that run alone come last, so that they split no group.
        for (const test of cases) if (!test.alone) register(test);
        for (const test of cases) if (test.alone) register(test);
      });
    }
  });

  function casesOf(suite: Suite): readonly Case[] {
    return suite.cases.filter(({ when }) => when?.(options.capabilities) ?? true);
  }

  /** At once: where every case is skipped, the runner calls nothing afterwards. */
  function reportMissing(): void {
    for (const test of suites.flatMap(casesOf)) verdicts.set(test, "not proven here");
    report();
  }

  function setUp(): void {
    runner.beforeAll(async () => {
      target = await options.start();
      await provesItself(target, options.offers);
    }, 120_000);
    runner.afterAll(async () => {
      await target?.stop();
      report();
    }, 60_000);
  }

  function report(): void {
    if (options.reportFolder) writeReport(options.reportFolder, { target: name, results: results() });
  }

  function results(): CaseResult[] {
    return [...verdicts].map(([{ clause, title }, verdict]) => ({ clause, title, verdict }));
  }

  function register(test: Case): void {
    const needs = test.needs.filter((need) => !options.offers.includes(need));
    const missing = options.missing ?? (needs.length > 0 ? `needs ${needs.join(", ")}` : undefined);
    const title = `${test.clause} ${test.title}`;
    if (missing !== undefined) {
      verdicts.set(test, "not proven here");
      runner.it.skip(`${title} [not proven here: ${missing}]`, async () => {});
      return;
    }
    verdicts.set(test, "not run");
    const limitMs = allowanceMs + test.timeouts * sessionTimeoutMs;
    const run = async () => {
      try {
        if (!target) throw new Error("the target did not start");
        await runCase(test, target, limitMs);
        verdicts.set(test, test.weaker ? "declared weaker" : "proven");
      } catch (error) {
        verdicts.set(test, "failed");
        throw error;
      }
    };
    const beside = options.concurrent && !test.alone ? runner.it.concurrent : undefined;
    (beside ?? runner.it)(title, run, limitMs + cleanUpMs + sparesMs);
  }
}

async function runCase(test: Case, target: ConformanceTarget, limitMs: number): Promise<void> {
  const kit = new Kit(target);
  try {
    await limited(limitMs, test.run(kit), () => `it did not end within ${limitMs} ms`);
  } catch (error) {
    throw advised(test, error);
  } finally {
    await limited(cleanUpMs, kit.cleanUp(), () => {
      return `${test.clause}: afterwards, ${kit.cleaning} did not end within ${cleanUpMs} ms`;
    });
  }
}
