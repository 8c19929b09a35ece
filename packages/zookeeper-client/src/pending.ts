import type { Reader } from "./reader.js";

/** Requests that go out in one write. */
export interface Batch {
  /** Monotonic time just before the bytes were handed to the socket; `undefined` until then. */
  sentAtMs: number | undefined;
}

/**
 * `"optional"`: `NONODE` is an answer like any other, and the request resolves with `undefined`. `"authentication"`: it
 * has its own way in the server, where the session's timeout is not counted anew from it.
 */
export type PendingKind = "request" | "optional" | "authentication";

/** A request that waits for its reply. */
export interface Pending {
  readonly xid: number;
  readonly path: string | undefined;
  readonly batch: Batch;
  readonly read: (reader: Reader) => unknown;
  readonly kind: PendingKind;
  /** Called in the order of the wire, before anything that came after the reply is looked at. */
  readonly replied: ((code: number) => void) | undefined;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

const FIRST_CAPACITY = 64;

/** A queue in a ring: no shifting, and no allocation once it has its size. */
export class PendingQueue {
  #slots: (Pending | undefined)[] = new Array(FIRST_CAPACITY).fill(undefined);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(pending: Pending): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size++) & (this.#slots.length - 1)] = pending;
  }

  first(): Pending | undefined {
    return this.#slots[this.#head];
  }

  shift(): Pending | undefined {
    const pending = this.#slots[this.#head];
    if (pending === undefined) return undefined;
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    return pending;
  }

  #grow(): void {
    const old = this.#slots;
    const slots: (Pending | undefined)[] = new Array(old.length * 2).fill(undefined);
    for (let i = 0; i < this.#size; i++) slots[i] = old[(this.#head + i) & (old.length - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}
