import { sequenceOf } from "./paths.js";

/** Labels that Curator spells in its own way: those of its `InterProcessReadWriteLock`. */
const SPELLINGS = new Map([
  ["read", "__READ__"],
  ["write", "__WRIT__"],
]);
const LABELS = new Map([...SPELLINGS].map(([label, spelling]) => [spelling, label]));

/** The name of an entry up to the number that the server appends, as Curator's protected creates spell it. */
export function entryNamePrefix(label: string, tag: string): string {
  return `_c_${tag}-${SPELLINGS.get(label) ?? `${label}-`}`;
}

/** What an entry stands for; `undefined` when its name is of another form. */
export function labelOf(name: string): string | undefined {
  const [, label, spelling] = /^_c_[0-9a-f-]{36}-(?:([a-z]+(?:-[0-9]+)?)-|(__[A-Z]+__))/.exec(name) ?? [];
  return label ?? (spelling === undefined ? undefined : LABELS.get(spelling));
}

/** The entries of a line, first to last; children without a sequence are none. */
export function inOrder(names: readonly string[]): readonly string[] {
  const entries = names.flatMap((name) => {
    const sequence = sequenceOf(name);
    return sequence === undefined ? [] : [{ name, sequence }];
  });
  entries.sort((a, b) =>
    a.sequence < b.sequence ? -1 : a.sequence > b.sequence ? 1 : a.name < b.name ? -1 : 1,
  );
  return entries.map(({ name }) => name);
}
