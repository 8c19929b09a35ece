import { Entry, type EntryOrigin } from "./entry.js";
import { nameOf, parentOf } from "./namespace.js";

export type NewEntry = Pick<EntryOrigin, "path" | "owner" | "sequence" | "tag"> & {
  readonly data: Uint8Array;
};

/** The nodes, by path, and their links. Knows no rules: what is asked of it has been judged before. */
export class Tree {
  readonly #entries = new Map<string, Entry>();
  #sequence = 0n;
  /** Of the last commit. */
  revision = 0n;

  constructor() {
    const origin = { path: "/", name: "", parent: undefined, createRevision: 0n };
    const root = new Entry(
      { ...origin, owner: undefined, sequence: undefined, tag: undefined },
      new Uint8Array(0),
    );
    this.#entries.set("/", root);
  }

  /** Without the root. */
  get size(): number {
    return this.#entries.size - 1;
  }

  get(path: string): Entry | undefined {
    return this.#entries.get(path);
  }

  /** One counter for all parents, so that sequences grow across the deletion of a parent too. */
  nextSequence(): bigint {
    this.#sequence += 1n;
    return this.#sequence;
  }

  insert(fields: NewEntry, revision: bigint): Entry {
    const { path, owner, sequence, tag, data } = fields;
    const parent = this.#entries.get(parentOf(path));
    const name = nameOf(path);
    const entry = new Entry({ path, name, parent, createRevision: revision, owner, sequence, tag }, data);
    this.#entries.set(path, entry);
    parent?.addChild(entry);
    owner?.owned.add(entry);
    if (parent !== undefined && entry.standsInLine) joinLine(parent, entry);
    return entry;
  }

  remove(entry: Entry): void {
    const { path, parent, owner } = entry.origin;
    this.#entries.delete(path);
    parent?.removeChild(entry);
    owner?.owned.delete(entry);
    if (parent !== undefined && entry.standsInLine) leaveLine(parent, entry);
  }
}

function joinLine(line: Entry, entry: Entry): void {
  entry.ahead = line.last;
  if (line.last === undefined) line.first = entry;
  else line.last.behind = entry;
  line.last = entry;
}

function leaveLine(line: Entry, entry: Entry): void {
  if (entry.ahead === undefined) line.first = entry.behind;
  else entry.ahead.behind = entry.behind;
  if (entry.behind === undefined) line.last = entry.ahead;
  else entry.behind.ahead = entry.ahead;
  entry.ahead = undefined;
  entry.behind = undefined;
}
