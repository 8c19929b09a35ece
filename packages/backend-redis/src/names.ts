import { randomBytes } from "node:crypto";

/*
 * The suffix of a sequential name: "~", two digits for the operation's place in its transaction, 18 random ones. It lets a
 * create whose reply was lost be told from any other (OUT-3), and its order comes from the create revision.
 */
const SEQUENTIAL = /~([0-9a-f]{2})[0-9a-f]{18}$/;
/** An entry of a line: its label, and a tag of the same kind. The scripts know this form too. */
const LINE_ENTRY = /^([a-z0-9-]+)-([0-9a-f]{2})[0-9a-f]{18}$/;

const PER_COMMIT = 256n;

export function sequentialSuffix(operation: number): string {
  return `~${tag(operation)}`;
}

export function lineEntryName(label: string): string {
  return `${label}-${tag(0)}`;
}

export function labelOf(name: string): string | undefined {
  return LINE_ENTRY.exec(name)?.[1];
}

/** The creations of one transaction have one revision; their place in it orders them. */
export function sequenceOf(name: string, createRevision: bigint): bigint | undefined {
  const index = SEQUENTIAL.exec(name)?.[1] ?? LINE_ENTRY.exec(name)?.[2];
  return index === undefined ? undefined : createRevision * PER_COMMIT + BigInt(Number.parseInt(index, 16));
}

/** Names one request among those of its session. */
export function requestTag(): string {
  return randomBytes(9).toString("hex");
}

function tag(operation: number): string {
  return operation.toString(16).padStart(2, "0") + randomBytes(9).toString("hex");
}
