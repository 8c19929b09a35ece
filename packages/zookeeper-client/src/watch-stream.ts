import type { WatchEvent } from "./events.js";

/** Changes may have gone unreported: whoever follows a state reads it again. */
export interface GapEvent {
  readonly type: "gap";
}

export type StreamEvent = WatchEvent | GapEvent;

const GAP: GapEvent = { type: "gap" };

interface Waiter {
  resolve(result: IteratorResult<StreamEvent, undefined>): void;
  reject(error: unknown): void;
}

/**
 * Events of a persistent watch, in order. A reader that falls behind by more than `capacity` events gets a gap instead
 * of them. Ends by `return` (leaving `for await` does), or throws what ended the session.
 */
export class WatchStream implements AsyncIterableIterator<StreamEvent> {
  readonly #capacity: number;
  readonly #stop: () => void;
  #events: StreamEvent[] = [];
  #waiters: Waiter[] = [];
  #end: { readonly error: unknown } | "returned" | undefined;

  /** @internal */
  constructor(capacity: number, stop: () => void) {
    this.#capacity = capacity;
    this.#stop = stop;
  }

  /** @internal */
  get over(): boolean {
    return this.#end !== undefined;
  }

  /** @internal */
  event(event: StreamEvent): void {
    if (this.#end !== undefined) return;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) waiter.resolve({ done: false, value: event });
    else if (this.#events.length >= this.#capacity) this.#events = [GAP];
    else this.#events.push(event);
  }

  /** @internal */
  gap(): void {
    // What was reported before it is covered by reading again.
    this.#events = [];
    this.event(GAP);
  }

  /** @internal */
  fail(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  next(): Promise<IteratorResult<StreamEvent, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#end === "returned") return Promise.resolve({ done: true, value: undefined });
    if (this.#end !== undefined) return Promise.reject(this.#end.error);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  /** Ends the watch, here at once, and at the server. Idempotent. */
  return(): Promise<IteratorResult<StreamEvent, undefined>> {
    if (this.#end === undefined) this.#stop();
    this.#end = "returned";
    this.#events = [];
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
