import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clause } from "./clauses.js";

export type Verdict = "proven" | "not proven here" | "declared weaker" | "failed";

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
export async function writeReport(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${report.target.replaceAll(/[^\w.-]+/g, "-")}.json`);
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
}
