import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clause } from "./clauses.js";

/**
 * What came of a case. `"not proven here"`: the set-up cannot inject what it needs. `"declared weaker"`: the documented
 * alternative of a declared weakness was proven. `"not run"`: registered, and the run ended before it, or left it out.
 */
export type Verdict = "proven" | "not proven here" | "declared weaker" | "failed" | "not run";

export interface CaseResult {
  readonly clause: Clause;
  readonly title: string;
  readonly verdict: Verdict;
}

export interface Report {
  readonly target: string;
  readonly results: readonly CaseResult[];
}

/** Writes the results of one target as `<folder>/<target>.json`. */
export function writeReport(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${report.target.replaceAll(/[^\w.-]+/g, "-")}.json`);
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}
