import type { Node } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import { aborted } from "../internal/calls.js";
import { firstOf } from "../internal/first-of.js";
import type { Keeper } from "../internal/keeper.js";
import { Latest } from "../internal/latest.js";
import type { LiveSession } from "../internal/live-session.js";
import { newest } from "../internal/newest.js";
import { onAbort } from "../internal/on-abort.js";
import { pause } from "../internal/pause.js";

/** How long to hold back when the watch failed, as a share of the session timeout. */
const holdBackShare = 1 / 10;

interface Seen {
  readonly node: Node | undefined;
  readonly live: LiveSession;
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
  readonly #closing = new AbortController();
  readonly #known = new AbortController();
  readonly #stopFollowing: () => void;
  readonly #stopListening: () => void;
  #stopWatching: () => void = () => {};
  #value: T | undefined;
  #version: number | undefined;
  #problem: ConclaveError | undefined;
  #failure: Error | undefined;
  /** In which session the watch stands that told the latest state. */
  #toldIn: LiveSession | undefined;
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
    this.#stopFollowing = keeper.follow((live) => this.#watch(live));
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
    return this.#closing.signal.aborted || this.#toldIn?.state !== "connected";
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

  #watch(live: LiveSession): void {
    this.#stopWatching();
    const sink = newest(
      (node) => {
        this.#unread = { node, live };
        void this.#read();
      },
      (error) => this.#failed(live, error),
    );
    this.#stopWatching = live.watch(
      (backend) => backend.watchNode(this.#path, sink),
      () => {},
    );
  }

  /** Looks at states one after another, so that validation which takes its time puts no older value after a newer one. */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    while (this.#unread !== undefined) {
      const { node, live } = this.#unread;
      this.#unread = undefined;
      const judged = await this.#judge(node);
      if (this.#closing.signal.aborted) break;
      judged();
      this.#toldIn = live;
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
    this.#stopWatching();
    for (const reader of [...this.#readers]) reader.end(reason);
  }

  /** What was never read is refused; what was is stale until the watch stands again. */
  #failed(live: LiveSession, error: Error): void {
    if (!this.#known.signal.aborted) {
      this.#failure = error;
      this.#known.abort();
      return;
    }
    this.#problem = asConclaveError(error);
    this.#toldIn = undefined;
    this.#tell();
    void pause(live.clock, live.timeoutMs * holdBackShare, live.signal, this.#closing.signal).then(() => {
      if (!this.#closing.signal.aborted && this.#keeper.current === live) this.#watch(live);
    });
  }
}

function asConclaveError(error: unknown): ConclaveError {
  if (ConclaveError.is(error)) return error;
  return new ConclaveError("STORE_ERROR", error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
