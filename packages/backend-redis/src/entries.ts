import type { Change } from "./followers.js";
import { toNode } from "./replies.js";

/** One entry of a session's stream: what one commit did to what the session watches. */
export interface Entry {
  /** Counts the session's entries, without a gap. */
  readonly number: number;
  /** The session has ended at the store. */
  readonly isEnd: boolean;
  readonly revision: number;
  readonly changes: readonly SeenChange[];
}

export interface SeenChange extends Change {
  /** Its data are too large for the stream: they have to be read. */
  readonly isCut: boolean;
}

/** What a blocking read answers: for each stream its name and entries, each with its id and fields. */
export function streamsIn(reply: readonly unknown[]): Map<string, readonly unknown[]> {
  return new Map(reply.map((stream) => [String(Object(stream)[0]), Object(stream)[1] as unknown[]]));
}

export function idOf(entry: unknown): string {
  return String(Object(entry)[0]);
}

export function fieldsOf(entry: unknown): readonly unknown[] {
  return Object(entry)[1] as unknown[];
}

export function toEntry(found: unknown): Entry {
  const [first, second, ...rest] = fieldsOf(found);
  const isEnd = String(first) === "end";
  const changes: SeenChange[] = [];
  for (let at = 0; at < rest.length && !isEnd; at += 2)
    changes.push(toChange(String(rest[at]), rest[at + 1]));
  return {
    number: Number(idOf(found).split("-")[0]),
    isEnd,
    revision: isEnd ? 0 : Number(String(second)),
    changes,
  };
}

/** The field is a letter and the path; the value the owner on a line of its own, and the node as it is stored. */
function toChange(field: string, value: unknown): SeenChange {
  const [op = ""] = field;
  const path = field.slice(1);
  const isNew = op === "C" || op === "c";
  if (op === "D") return { path, node: undefined, isNew, isCut: false };
  if (op === "c" || op === "s" || !(value instanceof Buffer)) {
    return { path, node: undefined, isNew, isCut: true };
  }
  const end = value.indexOf(10);
  const node = toNode(path, value.subarray(end + 1), value.subarray(0, end));
  return { path, node, isNew, isCut: false };
}
