import { onAbort } from "./on-abort.js";

export interface LatestOptions {
  readonly signal: AbortSignal | undefined;
  /** Runs before each read; may end this iterator. */
  beforeRead(): void;
}

interface Reader<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

const done = { done: true, value: undefined } as const;

/**
 * The reading end of a watch. It holds only the newest state that was not read yet, and makes the value from it when it is
 * read: a slow reader costs one value, and states in between cost nothing (WATCH-3).
 *
 * Ends when the source ends it, when `return` is called or `signal` aborts; throws what the source failed with.
 */
export class Latest<T> implements AsyncIterableIterator<T> {
  readonly #options: LatestOptions;
  #cancelAbort: () => void = () => {};
  #render: (() => T) | undefined;
  #ended = false;
  #error: unknown;
  #readers: Reader<T>[] = [];
  #stop: () => void = () => {};

  /** `start` attaches this to its source and returns what detaches it. */
  constructor(options: LatestOptions, start: (latest: Latest<T>) => () => void) {
    this.#options = options;
    this.#cancelAbort = onAbort(options.signal, () => this.end());
    if (this.#ended) return;
    let stop: () => void;
    try {
      stop = start(this);
    } catch (error) {
      this.end(error);
      return;
    }
    if (this.#ended) stop();
    else this.#stop = stop;
  }

  /** There is a new state, of which `render` makes the value. */
  push(render: () => T): void {
    if (this.#ended) return;
    this.#render = render;
    // What the source reports at one go is one commit: a reader that waits must not see the first half of it (TXN-2).
    if (this.#readers.length > 0) queueMicrotask(() => this.#deliver());
  }

  /** Ends the iteration; with an error, the next read throws it and the value not read yet is dropped. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#render = undefined;
    this.#cancelAbort();
    this.#stop();
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) this.#finish().then(reader.resolve, reader.reject);
  }

  next(): Promise<IteratorResult<T>> {
    if (!this.#ended) this.#options.beforeRead();
    if (this.#ended) return this.#finish();
    if (this.#render && this.#readers.length === 0) {
      const value = this.#render();
      this.#render = undefined;
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    this.#error = undefined;
    return Promise.resolve(done);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #deliver(): void {
    if (this.#render === undefined) return;
    const reader = this.#readers.shift();
    if (reader === undefined) return;
    const value = this.#render();
    this.#render = undefined;
    reader.resolve({ done: false, value });
  }

  /** The end as the first reader after it sees it; later ones see only that it ended. */
  #finish(): Promise<IteratorResult<T>> {
    const error = this.#error;
    this.#error = undefined;
    return error === undefined ? Promise.resolve(done) : Promise.reject(error);
  }
}

/** An iterable of which each loop starts its own watch, when it begins and not before. */
export function iterable<T>(iterate: () => AsyncIterator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: iterate };
}
