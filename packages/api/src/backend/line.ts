/**
 * A waiting line under one node: ephemeral entries in the order in which they were made. Locks and elections are
 * lines. The layout is the one that the store's other clients use (INTEROP-1), so that they stand in the same line.
 */
export interface LineEntry {
  /** Which recipe stands here, as the store's own clients spell it in names: `"lock"`, `"latch"`. */
  readonly label: "lock" | "latch";
  readonly data: Uint8Array;
}

/** One's place in a line. */
export interface Ticket {
  readonly line: string;
  readonly path: string;
  /** Revision of the entry's creation: the fencing token of the hold that it may become (LEAD-2). */
  readonly createRevision: bigint;
  /** Path of the entry directly ahead; `undefined` when this one is first. */
  readonly ahead: string | undefined;
}

/** How an entry stands now. */
export type Standing =
  | { readonly present: true; readonly ahead: string | undefined }
  | { readonly present: false };
