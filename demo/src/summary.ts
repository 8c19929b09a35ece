import type { Check } from "./checks.js";
import type { Paint } from "./paint.js";

/** The checks for people: a mark, a title, figures. */
export function summary(checks: readonly Check[], paint: Paint): string {
  const width = Math.max(...checks.map(({ title }) => title.length)) + 2;
  const lines = checks.map(({ title, holds, figures }) => {
    const mark = holds ? paint("green", "✓") : paint("red", "✗");
    return `  ${mark} ${title.padEnd(width)}${paint("dim", figures)}`;
  });
  const failed = checks.filter(({ holds }) => !holds).length;
  const verdict =
    failed === 0
      ? paint(["bold", "green"], `All ${checks.length} checks held.`)
      : paint(["bold", "red"], `${failed} of ${checks.length} checks failed.`);
  return [
    "",
    paint("bold", "Checked, from what was recorded and what the store holds:"),
    ...lines,
    "",
    verdict,
  ].join("\n");
}
