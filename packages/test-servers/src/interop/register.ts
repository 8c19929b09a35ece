import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FoundProgram, type Program, programs } from "./programs.js";

/** The part of vitest that is used here. */
export interface InteropRunner {
  describe(name: string, define: () => void): void;
  afterAll(run: () => void): void;
  readonly it: {
    (name: string, run: () => Promise<void>, timeoutMs?: number): void;
    skip(name: string, run: () => Promise<void>): void;
  };
}

export interface InteropReport {
  readonly store: string;
  readonly program: string;
  readonly cases: readonly { readonly title: string; readonly verdict: InteropVerdict }[];
  /** Why nothing was proven, where nothing was. */
  readonly reason?: string;
}

export type InteropVerdict = "proven" | "failed" | "not run" | "not proven here";

export type RegisterCase = (title: string, run: () => Promise<void>, timeoutMs?: number) => void;

export interface InteropOptions {
  readonly runner: InteropRunner;
  readonly store: string;
  readonly program: Program;
  readonly reportFolder: string;
}

/**
 * Registers tests beside a program of somebody else. Where it is missing they are reported as "not proven here" with the reason,
 * and under `CI` they fail.
 */
export function interop(
  { runner, store, program, reportFolder }: InteropOptions,
  define: (register: RegisterCase, found: () => FoundProgram) => void,
): void {
  const { title, debianPackages, find } = programs[program];
  const found = find();
  const named = found === undefined ? title : `${title} ${found.version}`;
  const reason = `${title} is not installed (${debianPackages.join(" ")})`;
  const verdicts = new Map<string, InteropVerdict>();
  const needed = found !== undefined || isCI();

  const register: RegisterCase = (what, run, timeoutMs) => {
    const name = `INTEROP-1 ${what}`;
    verdicts.set(what, needed ? "not run" : "not proven here");
    if (!needed) {
      runner.it.skip(`${name} [not proven here: ${reason}]`, run);
      return;
    }
    const recorded = async () => {
      verdicts.set(what, "failed");
      await run();
      verdicts.set(what, "proven");
    };
    runner.it(name, recorded, timeoutMs);
  };
  const present = (): FoundProgram => {
    if (found === undefined) throw new Error(reason);
    return found;
  };

  const write = (): void => {
    const cases = [...verdicts].map(([what, verdict]) => ({ title: what, verdict }));
    const report: InteropReport = { store, program: named, cases, ...(!found && { reason }) };
    mkdirSync(reportFolder, { recursive: true });
    writeFileSync(join(reportFolder, `${program}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
  };

  runner.describe(`beside ${named}`, () => {
    define(register, present);
    // At once too: where every test is skipped, or a hook fails, the runner calls nothing afterwards.
    write();
    runner.afterAll(write);
  });
}

export function isCI(): boolean {
  const ci = process.env.CI;
  return ci !== undefined && ci !== "" && ci !== "false";
}
