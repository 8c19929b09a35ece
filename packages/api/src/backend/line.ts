import type { Node } from "./operations.js";

/**
 * A waiting line under one node: ephemeral entries in the order in which they were made. Locks, semaphores and elections
 * are lines. The layout is the one that the store's other clients use (INTEROP-1), so that they stand in the same line.
 */
export interface LineEntry {
  /**
   * What the entry stands for: `"lock"`, `"latch"`, `"read"`, `"write"`, `"lease-3"`; small letters, then perhaps a dash and
   * digits. Part of the name that the backend gives the entry, spelled as the store's own clients do where they have one.
   */
  readonly label: string;
  readonly data: Uint8Array;
}

/** Which of those ahead of an entry are to be told, nearest first. */
export interface LookAhead {
  /** Only entries with this label; all entries, whoever made them, when `undefined`. */
  readonly label: string | undefined;
  /** At most so many, at least one. */
  readonly limit: number;
}

/** An entry as one behind it sees it. */
export interface Neighbour {
  readonly path: string;
  /** `undefined` where the name does not tell: entries of other programs, and where those of locks have no label in it. */
  readonly label: string | undefined;
}

/** One's place in a line. */
export interface Ticket {
  readonly line: string;
  readonly path: string;
  /** Revision of the entry's creation: the fencing token of the hold that it may become (LEAD-2). */
  readonly createRevision: bigint;
  /** Who is ahead, nearest first, as far as one looked. */
  readonly ahead: readonly Neighbour[];
  /**
   * Whether somebody may have come behind before it was read who is ahead: after a lost reply, or where joining and looking are
   * two steps: then whether there is an entry with a later revision. Whoever did may have taken this entry for one that waits.
   */
  readonly followed: boolean;
}

/** How an entry stands now. */
export type Standing =
  | { readonly present: true; readonly ahead: readonly Neighbour[] }
  | { readonly present: false };

/** An entry of a line, whole. */
export interface LineNode extends Node {
  /** As of a `Neighbour`. */
  readonly label: string | undefined;
}
