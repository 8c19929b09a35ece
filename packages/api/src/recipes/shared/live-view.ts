import type { ChildNode } from "../../backend/operations.js";
import { showOption } from "../../backend/options.js";
import { ConclaveError } from "../../errors.js";
import { checkOptions } from "../../internal/check.js";
import { generated } from "../../internal/generated.js";
import { Latest } from "../../internal/latest.js";
import type { LiveChildren } from "../../internal/live-children.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../../internal/wait.js";
import type { CallOptions } from "../../node-writer.js";
import { type Change, changesOf } from "./changes.js";

/**
 * What is common to the live views of recipes: kept up to date by one watch, across sessions. While contact is in doubt a view
 * keeps what it knew last and says that it is `stale` (DISC-3).
 */
export abstract class LiveView<T> implements AsyncIterable<readonly T[]> {
  readonly #live: LiveChildren<ChildNode, T>;
  readonly #arrange: (values: Iterable<T>) => readonly T[];
  readonly #readers = new Set<Latest<readonly T[]>>();
  #all: readonly T[] | undefined;

  /** `arrange` puts what is there in order. */
  constructor(live: LiveChildren<ChildNode, T>, arrange: (values: Iterable<T>) => readonly T[]) {
    this.#live = live;
    this.#arrange = arrange;
    let isNews = false;
    live.observe({
      changed: () => {
        this.#all = undefined;
        isNews = true;
      },
      reported: () => {
        if (!isNews) return;
        isNews = false;
        for (const reader of this.#readers) reader.push(() => this.all);
      },
      ended: (reason) => {
        for (const reader of [...this.#readers]) reader.end(reason);
      },
    });
  }

  /** The same array until something changes; made, O(n), when it is read after a change. Frozen, since all readers share it. */
  protected get all(): readonly T[] {
    this.#all ??= Object.freeze(this.#arrange(this.#live.values.values()));
    return this.#all;
  }

  /**
   * True while this may be out of date: contact is in doubt, or it was and the store has not been read again since, or the view has
   * ended (DISC-3).
   */
  get stale(): boolean {
    return this.#live.stale;
  }

  /**
   * Resolves with what is there as soon as that is at least `n` and not stale (DISC-6). Not guaranteed: that it is still so a moment
   * later. Errors: `INVALID_ARGUMENT` unless `n` is a whole number from 1 on, `ABORTED`, `TIMEOUT`, `CLOSED`.
   */
  async waitFor(n: number, options: WaitOptions = {}): Promise<readonly T[]> {
    if (!Number.isSafeInteger(n) || n < 1) {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `waitFor: n must be a whole number from 1 on, not ${showOption(n)}`,
      );
    }
    checkWaitOptions("waitFor", options);
    this.#live.check();
    let found: readonly T[] = [];
    // Taken at that moment: by the time that the caller runs there may be fewer.
    const enough = () => {
      if (this.stale || this.#live.values.size < n) return false;
      found = this.all;
      return true;
    };
    await waiting(this.#live.keeper.clock, "waitFor", options, (signal) => this.#live.until(enough, signal));
    return found;
  }

  /**
   * Yields what becomes of the entries, one by one: first `added` for each that is there, then `added`, `updated` and `removed` as
   * they come, O(1) each. Applied one after another they always make the set that the view had at some time, later and later, also
   * across gaps and sessions (DISC-5). A slow reader misses what was overtaken, and costs at most one item for each entry.
   * Ends with `close`, `return` or `signal`; throws `CLOSED` when the coordinator is closed.
   */
  changes(options: CallOptions = {}): AsyncIterable<Change<T>> {
    checkOptions("changes", options, ["signal"]);
    return generated(options.signal, (signal) => changesOf(this.#live, signal));
  }

  /** Yields all that is there, now and after each change; a slow reader sees the latest. Ends with `close`; throws `CLOSED` when the coordinator is closed. */
  [Symbol.asyncIterator](): AsyncIterator<readonly T[]> {
    return new Latest<readonly T[]>({ signal: undefined, beforeRead: () => {} }, (latest) => {
      this.#live.check();
      if (this.#live.isOver) {
        latest.end();
        return () => {};
      }
      this.#readers.add(latest);
      latest.push(() => this.all);
      return () => this.#readers.delete(latest);
    });
  }

  /** Ends the view and its loops. Idempotent. */
  close(): void {
    this.#live.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
