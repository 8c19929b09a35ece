import { allClauses, type Clause } from "./clauses.js";
import type { Report, Verdict } from "./report.js";
import type { Suite } from "./suite.js";

/** What is proven of one clause for one target. */
export interface Cell {
  /** `"no test"`: no case of this target is about the clause. */
  readonly verdict: Verdict | "no test";
  /** How many cases were proven, of how many there are. */
  readonly proven: number;
  readonly cases: number;
}

export interface Matrix {
  readonly targets: readonly string[];
  readonly rows: readonly { readonly clause: Clause; readonly cells: readonly Cell[] }[];
  /** Nothing failed, nothing was left out, every clause has a test for every target. */
  readonly ok: boolean;
}

/** From the worst to the best: a clause is as good as its worst case, but a weakness that is declared outweighs a gap. */
const order: readonly Verdict[] = ["failed", "not run", "declared weaker", "proven", "not proven here"];

const bad: readonly (Verdict | "no test")[] = ["failed", "not run", "no test"];

/** Sums the reports up: clause by target. */
export function matrixOf(reports: readonly Report[], clauses: readonly Clause[] = allClauses): Matrix {
  const rows = clauses.map((clause) => ({ clause, cells: reports.map((report) => cellOf(report, clause)) }));
  return {
    targets: reports.map(({ target }) => target),
    rows,
    ok: reports.length > 0 && rows.every(({ cells }) => cells.every(({ verdict }) => !bad.includes(verdict))),
  };
}

/** The matrix as text, one line a clause. `proven 3/4`: the fourth case needs a fault that the set-up cannot inject. */
export function printMatrix(matrix: Matrix): string {
  const table = [
    ["clause", ...matrix.targets],
    ...matrix.rows.map((row) => [row.clause, ...row.cells.map(label)]),
  ];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0))) ?? [];
  const lines = table.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

/** The clauses that no case of these suites is about. */
export function untested(suites: readonly Suite[]): readonly Clause[] {
  const tested = new Set(suites.flatMap(({ cases }) => cases.map(({ clause }) => clause)));
  return allClauses.filter((clause) => !tested.has(clause));
}

function cellOf(report: Report, clause: Clause): Cell {
  const verdicts = report.results.filter((result) => result.clause === clause).map(({ verdict }) => verdict);
  const proven = verdicts.filter((verdict) => verdict === "proven" || verdict === "declared weaker").length;
  const verdict = order.find((candidate) => verdicts.includes(candidate)) ?? "no test";
  return { verdict, proven, cases: verdicts.length };
}

function label({ verdict, proven, cases }: Cell): string {
  if (bad.includes(verdict)) return verdict.toUpperCase();
  return proven === 0 || proven === cases ? verdict : `${verdict} ${proven}/${cases}`;
}
