import { randomBytes } from "node:crypto";

/*
 * The suffix of a sequential name: "~", two digits for the operation's place in its transaction, 18 random ones.
 * Unlike a counter it costs no round trip, and it lets a create whose reply was lost find its node again (OUT-3).
 */
const SEQUENTIAL = /~([0-9a-f]{2})[0-9a-f]{18}$/;
/**
 * An entry of a line: the lease, as Go's clients name theirs, and what tells two entries of one session apart. A label that
 * no client of etcd knows comes first, so that the entries with it are one range of keys.
 */
const LINE_ENTRY = /^(?:([a-z]+(?:-[0-9]+)?)-)?[0-9a-f]{1,16}-([0-9a-f]{2})[0-9a-f]{18}$/;
/** Labels of entries that stand in one line with those of Go's clients, and so look like them. */
const UNNAMED: readonly string[] = ["lock", "latch"];

const PER_COMMIT = 256n;

export function sequentialSuffix(operation: number): string {
  return `~${tag(operation)}`;
}

export function lineEntryName(label: string, sessionId: string): string {
  return `${labelPrefix(label)}${sessionId}-${tag(0)}`;
}

/** What the names of all entries with this label begin with. */
export function labelPrefix(label: string): string {
  return UNNAMED.includes(label) ? "" : `${label}-`;
}

export function labelOf(name: string): string | undefined {
  return LINE_ENTRY.exec(name)?.[1];
}

/** The creations of one transaction have one revision; their place in it orders them. */
export function sequenceOf(name: string, createRevision: bigint): bigint | undefined {
  const index = SEQUENTIAL.exec(name)?.[1] ?? LINE_ENTRY.exec(name)?.[2];
  return index === undefined ? undefined : createRevision * PER_COMMIT + BigInt(Number.parseInt(index, 16));
}

function tag(operation: number): string {
  return operation.toString(16).padStart(2, "0") + randomBytes(9).toString("hex");
}
