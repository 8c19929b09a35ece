import type { Child, ChildNode } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import type { ChildNodesSink, ChildrenSink, StopWatch } from "../backend/watch.js";
import { ConclaveError } from "../errors.js";
import { aborted } from "./calls.js";
import type { Ongoing } from "./established.js";
import { firstOf } from "./first-of.js";
import type { Keeper } from "./keeper.js";
import { KnownChildren } from "./known-children.js";
import type { LiveSession } from "./live-session.js";
import { onAbort } from "./on-abort.js";

/** How long to hold back when the watch failed, as a share of the session timeout. */
const holdBackShare = 1 / 10;

/** Is told what becomes of the entries, and when. */
export interface LiveObserver<T> {
  /** One entry, before and after; `undefined` where it is not there. */
  changed?(name: string, before: T | undefined, after: T | undefined): void;
  /** All that came at one go has been told, or it has become (un)certain that this is all. */
  reported?(): void;
  /** Nothing more will come; `undefined` when it was closed here. */
  ended?(reason: unknown): void;
}

export interface LiveChildrenOptions<C extends Child, T> {
  readonly watch: (backend: BackendSession, sink: ChildrenSink<C>) => StopWatch;
  /** What a child stands for; `undefined` for one that is not to be shown. */
  readonly decode: (child: C) => T | undefined;
  /** Whether a failure before anything was read is for good. Default: every one is. */
  readonly isFinal?: (error: Error) => boolean;
}

/**
 * The children of one node, kept up to date by one watch, across sessions. What is common to the views of all recipes.
 *
 * A change costs one step, whatever the number of children. After a whole listing, as after a gap or in a new session, observers
 * hear of differences only.
 */
export class LiveChildren<C extends Child, T> implements ChildrenSink<C>, Ongoing {
  readonly keeper: Keeper;
  readonly #options: LiveChildrenOptions<C, T>;
  readonly #known: KnownChildren<C, T>;
  readonly #observers = new Set<LiveObserver<T>>();
  readonly #over = new AbortController();
  readonly #stopFollowing: () => void;
  readonly #stopListening: () => void;
  #stopWatching: () => void = () => {};
  #stopStates: () => void = () => {};
  /** When the watch is to be set anew. */
  #againAtMs = Number.POSITIVE_INFINITY;
  #cancelAgain: () => void = () => {};
  #live: LiveSession | undefined;
  #wasRead = false;
  /** The children were read since there last was a doubt about contact. */
  #isFresh = false;
  #failure: unknown;

  constructor(keeper: Keeper, options: LiveChildrenOptions<C, T>) {
    this.keeper = keeper;
    this.#options = options;
    this.#known = new KnownChildren({
      decode: options.decode,
      changed: (name, before, after) => {
        for (const observer of this.#observers) observer.changed?.(name, before, after);
      },
    });
    this.#stopFollowing = keeper.follow((live) => this.#follow(live));
    this.#stopListening = onAbort(keeper.signal, () => this.#end(keeper.signal.reason));
  }

  /** What is there now, as far as known, by name. */
  get values(): ReadonlyMap<string, T> {
    return this.#known.values;
  }

  /** Whether the children were ever read. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  /** True unless the children were read since contact last was in doubt, and it is not in doubt now. */
  get stale(): boolean {
    return this.isOver || !this.#isFresh || this.#live?.state !== "connected";
  }

  /** Returns what stops it. */
  observe(observer: LiveObserver<T>): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  /** Resolves when the children were read for the first time. */
  begun(): Promise<void> {
    return this.until(() => this.#wasRead, undefined);
  }

  /** Resolves as soon as `condition` holds; rejects when the view ends or `signal` aborts. */
  until(condition: () => boolean, signal: AbortSignal | undefined): Promise<void> {
    return firstOf((resolve, reject) => {
      const look = () => {
        if (condition()) resolve();
      };
      const ended = (reason: unknown) => reject(reason ?? new ConclaveError("CLOSED", "the view was closed"));
      const stops = [onAbort(signal, () => reject(aborted(signal))), this.observe({ reported: look, ended })];
      if (this.isOver) ended(this.#failure);
      else look();
      return stops;
    });
  }

  /** Throws what the view ended with, unless it was closed here. */
  check(): void {
    this.keeper.check();
    if (this.isOver && this.#failure !== undefined) throw this.#failure;
  }

  /** Ends the watch and whatever observes it. Idempotent. */
  close(): void {
    this.#end(undefined);
  }

  giveUp(): void {
    this.close();
  }

  snapshot(children: readonly C[] | undefined = []): void {
    this.#known.replace(children);
    this.#wasRead = true;
    this.#isFresh = true;
    this.#report();
  }

  changed(child: C): void {
    if (this.#known.put(child)) this.#report();
  }

  removed(name: string): void {
    if (this.#known.drop(name)) this.#report();
  }

  /** One that was never read is refused; one that was is stale until its watch stands again (DISC-3). */
  failed(error: Error): void {
    const live = this.#live;
    if (live === undefined || (!this.#wasRead && (this.#options.isFinal?.(error) ?? true))) {
      this.#end(error);
      return;
    }
    this.#doubt();
    this.#watchAgain(live, holdBackShare);
  }

  #follow(live: LiveSession): void {
    this.#live = live;
    this.#stopStates();
    this.#stopStates = live.onState((state) => {
      if (state !== "connected") this.#doubt();
      else if (this.#isFresh) this.#report();
      // Contact was in doubt and never broke: then nothing has to be read again, and nobody does.
      else this.#watchAgain(live, 1);
    });
    this.#watch(live);
  }

  #watch(live: LiveSession): void {
    this.#forgetAgain();
    this.#stopWatching();
    this.#isFresh = false;
    this.#stopWatching = live.watch(
      (backend) => this.#options.watch(backend, this),
      () => {},
    );
  }

  /**
   * Sets the watch anew after a share of the session timeout, unless the children were read by then. Only the first of several
   * such intentions counts: otherwise each doubt about contact, while the watch keeps failing, would begin one more row of attempts.
   */
  #watchAgain(live: LiveSession, share: number): void {
    const delayMs = live.timeoutMs * share;
    const atMs = live.clock.now() + delayMs;
    if (this.isOver || atMs >= this.#againAtMs) return;
    this.#forgetAgain();
    this.#againAtMs = atMs;
    this.#cancelAgain = live.clock.schedule(delayMs, () => {
      this.#againAtMs = Number.POSITIVE_INFINITY;
      if (!this.#isFresh && this.keeper.current === live) this.#watch(live);
    });
  }

  #forgetAgain(): void {
    this.#cancelAgain();
    this.#againAtMs = Number.POSITIVE_INFINITY;
  }

  #doubt(): void {
    this.#isFresh = false;
    this.#report();
  }

  #report(): void {
    for (const observer of [...this.#observers]) observer.reported?.();
  }

  #end(reason: unknown): void {
    if (this.isOver) return;
    this.#failure = reason;
    this.#over.abort();
    this.#stopFollowing();
    this.#stopListening();
    this.#stopStates();
    this.#forgetAgain();
    this.#stopWatching();
    for (const observer of [...this.#observers]) observer.ended?.(reason);
    this.#observers.clear();
  }
}

/** The children of `path` with their data. */
export function liveChildNodes<T>(
  keeper: Keeper,
  path: string,
  decode: (child: ChildNode) => T | undefined,
): LiveChildren<ChildNode, T> {
  const watch = (backend: BackendSession, sink: ChildNodesSink) => backend.watchChildNodes(path, sink);
  return new LiveChildren(keeper, { watch, decode });
}
