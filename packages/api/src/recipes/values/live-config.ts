import type { Node } from "../../backend/operations.js";
import { ConclaveError } from "../../errors.js";
import { aborted } from "../../internal/calls.js";
import { firstOf } from "../../internal/first-of.js";
import type { Keeper } from "../../internal/keeper.js";
import { Latest } from "../../internal/latest.js";
import type { LiveSession } from "../../internal/live-session.js";
import { newest } from "../../internal/newest.js";
import { onAbort } from "../../internal/on-abort.js";
import { pause } from "../../internal/pause.js";

/** How long to hold back when the watch failed, as a share of the session timeout. */
const holdBackShare = 1 / 10;

interface Seen {
  readonly node: Node | undefined;
  /** The watch that told it. */
  readonly watch: number;
}

/** What a live config has at one moment. */
export interface ConfigState<T> {
  readonly value: T | undefined;
  readonly version: number | undefined;
  readonly problem: ConclaveError | undefined;
}

/**
 * The latest value of a config, kept up to date by one watch, across sessions. While contact is in doubt it keeps the last known value
 * and says that it is `stale` (CFG-3); while what is stored is not valid it keeps the last valid one and says so in `problem` (CFG-4).
 */
export class LiveConfig<T> implements AsyncIterable<ConfigState<T>>, ConfigState<T> {
  readonly #keeper: Keeper;
  readonly #path: string;
  readonly #decode: (node: Node) => Promise<T>;
  /** One for all watches, so that none tells an older state than the one before it did (WATCH-2). */
  readonly #sink = newest(
    (node) => {
      this.#unread = { node, watch: this.#watch };
      void this.#read();
    },
    (error) => this.#failed(error),
  );
  readonly #closing = new AbortController();
  readonly #known = new AbortController();
  readonly #stopFollowing: () => void;
  readonly #stopListening: () => void;
  #stopWatching: () => void = () => {};
  #stopStates: () => void = () => {};
  #value: T | undefined;
  #version: number | undefined;
  #problem: ConclaveError | undefined;
  #failure: Error | undefined;
  #live: LiveSession | undefined;
  /** The watch that stands, by number: another one in each session, and after each doubt about contact. */
  #watch = 0;
  /** The watch that told the latest state. */
  #toldBy = 0;
  /** The last state that was judged. */
  #judged: { readonly modRevision: bigint | undefined } | undefined;
  /** The newest state that was not looked at yet: what came before it while another was validated is skipped. */
  #unread: Seen | undefined;
  #reading = false;
  readonly #readers = new Set<Latest<ConfigState<T>>>();

  /** Live configs come from `config.live()`. */
  constructor(keeper: Keeper, path: string, decode: (node: Node) => Promise<T>) {
    this.#keeper = keeper;
    this.#path = path;
    this.#decode = decode;
    this.#stopListening = onAbort(keeper.signal, () => this.#end(keeper.signal.reason));
    this.#stopFollowing = keeper.follow((live) => this.#follow(live));
  }

  /** The last valid value; `undefined` when there is none. Not a copy: do not change it. */
  get value(): T | undefined {
    return this.#value;
  }

  /** The version of the node that held `value`, for `set(value, { ifVersion })`; `undefined` with it. */
  get version(): number | undefined {
    return this.#version;
  }

  /** True while `value` may be out of date: for want of contact with the store, or because this was closed. */
  get stale(): boolean {
    return this.#closing.signal.aborted || this.#toldBy !== this.#watch || this.#live?.state !== "connected";
  }

  /** Why `value` is not what is stored: `INVALID_DATA`, or what keeps the node from being watched. `undefined` when all is well. */
  get problem(): ConclaveError | undefined {
    return this.#problem;
  }

  /** Resolves when a state was seen, valid or not; rejects when the node cannot be watched, or the wait is given up. */
  firstRead(signal: AbortSignal | undefined): Promise<void> {
    const { signal: closing } = this.#keeper;
    return firstOf((resolve, reject) => [
      onAbort(closing, () => reject(closing.reason)),
      onAbort(signal, () => reject(aborted(signal))),
      onAbort(this.#known.signal, () => (this.#failure ? reject(this.#failure) : resolve())),
    ]);
  }

  /**
   * Yields value, version and problem as they are now and after each change; a slow reader sees the latest. Ends with `close`; throws
   * `CLOSED` when the coordinator is closed.
   */
  [Symbol.asyncIterator](): AsyncIterator<ConfigState<T>> {
    return new Latest<ConfigState<T>>({ signal: undefined, beforeRead: () => {} }, (latest) => {
      this.#keeper.check();
      if (this.#closing.signal.aborted) {
        latest.end();
        return () => {};
      }
      this.#readers.add(latest);
      if (this.#known.signal.aborted) latest.push(() => this.#state());
      return () => this.#readers.delete(latest);
    });
  }

  /** Ends this and its loops. Idempotent. */
  close(): void {
    this.#end(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #follow(live: LiveSession): void {
    this.#live = live;
    this.#stopStates();
    // A watch need not tell anew what has not changed: so one that does is asked for.
    this.#stopStates = live.onState((state) => {
      if (state === "connected") this.#begin(live);
    });
    this.#begin(live);
  }

  #begin(live: LiveSession): void {
    this.#stopWatching();
    this.#watch += 1;
    this.#stopWatching = live.watch(
      (backend) => backend.watchNode(this.#path, this.#sink),
      () => {},
    );
  }

  /** Looks at states one after another, so that validation which takes its time puts no older value after a newer one. */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    while (this.#unread !== undefined) {
      const { node, watch } = this.#unread;
      this.#unread = undefined;
      const isNews = this.#judged === undefined || this.#judged.modRevision !== node?.modRevision;
      const show = isNews ? await this.#judge(node) : undefined;
      if (this.#closing.signal.aborted) break;
      this.#toldBy = watch;
      if (show === undefined) continue;
      this.#judged = { modRevision: node?.modRevision };
      show();
      this.#known.abort();
      this.#tell();
    }
    this.#reading = false;
  }

  /** Returns what to do with it, so that all of it shows at once. */
  async #judge(node: Node | undefined): Promise<() => void> {
    try {
      const value = node && (await this.#decode(node));
      return () => {
        this.#value = value;
        this.#version = node?.version;
        this.#problem = undefined;
      };
    } catch (error) {
      return () => {
        this.#problem = asConclaveError(error);
      };
    }
  }

  #state(): ConfigState<T> {
    return { value: this.#value, version: this.#version, problem: this.#problem };
  }

  #tell(): void {
    for (const reader of this.#readers) reader.push(() => this.#state());
  }

  #end(reason: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#stopListening();
    this.#stopFollowing();
    this.#stopStates();
    this.#stopWatching();
    for (const reader of [...this.#readers]) reader.end(reason);
  }

  /** What was never read is refused; what was is stale until the watch stands again. */
  #failed(error: Error): void {
    const live = this.#live;
    if (live === undefined || !this.#known.signal.aborted) {
      this.#failure = error;
      this.#known.abort();
      return;
    }
    this.#problem = asConclaveError(error);
    this.#judged = undefined;
    this.#toldBy = 0;
    this.#tell();
    void pause(live.clock, live.timeoutMs * holdBackShare, live.signal, this.#closing.signal).then(() => {
      if (!this.#closing.signal.aborted && this.#keeper.current === live) this.#begin(live);
    });
  }
}

function asConclaveError(error: unknown): ConclaveError {
  if (ConclaveError.is(error)) return error;
  return new ConclaveError("STORE_ERROR", error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
