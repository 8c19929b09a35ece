/** Where the value of Redis's protocol ends that begins at `at`; `undefined` when the text ends before it does. */
export function endOfValue(text: string, at: number): number | undefined {
  const lineEnd = text.indexOf("\r\n", at);
  if (lineEnd < 0) return undefined;
  const size = Number(text.slice(at + 1, lineEnd));
  let next: number | undefined = lineEnd + 2;
  if (text[at] === "$" && size >= 0) next += size + 2;
  if (text[at] === "*") {
    for (let left = size; left > 0 && next !== undefined; left--) next = endOfValue(text, next);
  }
  return next === undefined || next > text.length ? undefined : next;
}
