import type { ChildNode, Node } from "../backend/operations.js";
import { Children } from "../internal/children.js";
import type { Keeper } from "../internal/keeper.js";
import { Latest } from "../internal/latest.js";
import type { LiveSession } from "../internal/live-session.js";
import { onAbort } from "../internal/on-abort.js";
import { pause } from "../internal/pause.js";
import { decode, type Instance } from "./instance.js";

/** How long to hold back when the watch failed, as a share of the session timeout. */
const holdBackShare = 1 / 10;

/**
 * The instances of one service, kept up to date by one watch, across sessions. While contact is in doubt it keeps the last known
 * instances and says that it is `stale` (DISC-3).
 */
export class ServiceView implements AsyncIterable<readonly Instance[]> {
  readonly name: string;
  readonly #keeper: Keeper;
  readonly #decoded = new WeakMap<Node, { readonly instance: Instance | undefined }>();
  readonly #readers = new Set<Latest<readonly Instance[]>>();
  readonly #stopFollowing: () => void;
  readonly #stopListening: () => void;
  #children: Children<ChildNode> | undefined;
  #childrenSession: LiveSession | undefined;
  #stopWatching: () => void = () => {};
  #instances: readonly Instance[] | undefined;
  #failure: unknown;
  #turn = 0;
  #ended = false;
  #ready: { resolve(): void; reject(error: unknown): void } | undefined;

  /** Views come from `discovery.view`. */
  constructor(keeper: Keeper, path: string, name: string) {
    this.#keeper = keeper;
    this.name = name;
    this.#stopFollowing = keeper.follow((live) => this.#watch(live, path));
    this.#stopListening = onAbort(keeper.signal, () => this.#end(keeper.signal.reason));
  }

  /** The instances as last known, in no particular order. The same array until something changes. */
  get instances(): readonly Instance[] {
    this.#instances ??= this.#list();
    return this.#instances;
  }

  /** True while `instances` may be out of date: for want of contact with the store, or because the view has ended. */
  get stale(): boolean {
    return this.#ended || this.#children === undefined || this.#childrenSession?.state !== "connected";
  }

  /** The next instance in turn (round robin); `undefined` when there is none. */
  pick(): Instance | undefined {
    const { instances } = this;
    this.#turn = (this.#turn + 1) % Math.max(1, instances.length);
    return instances[this.#turn];
  }

  /** Resolves when the instances were read for the first time. */
  firstRead(): Promise<void> {
    if (this.#children !== undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
      if (this.#failure !== undefined) reject(this.#failure);
    });
  }

  /** Yields the instances now and after each change; a slow reader sees the latest. Ends with `close`; throws `CLOSED` when the coordinator is closed. */
  [Symbol.asyncIterator](): AsyncIterator<readonly Instance[]> {
    return new Latest<readonly Instance[]>({ signal: undefined, beforeRead: () => {} }, (latest) => {
      this.#keeper.check();
      if (this.#ended) {
        latest.end(this.#failure);
        return () => {};
      }
      this.#readers.add(latest);
      if (this.#children !== undefined) latest.push(() => this.instances);
      return () => this.#readers.delete(latest);
    });
  }

  /** Ends the view and its loops. Idempotent. */
  close(): void {
    this.#end(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #watch(live: LiveSession, path: string): void {
    this.#stopWatching();
    const children: Children<ChildNode> = new Children(
      () => this.#update(live, children),
      (error) => this.#failed(live, path, error),
    );
    this.#stopWatching = live.watch(
      (backend) => backend.watchChildNodes(path, children),
      () => {},
    );
  }

  /** A view that was never read is refused; one that was is stale until its watch stands again (DISC-3). */
  #failed(live: LiveSession, path: string, error: Error): void {
    if (this.#children === undefined) {
      this.#end(error);
      return;
    }
    this.#childrenSession = undefined;
    void pause(live.clock, live.timeoutMs * holdBackShare, live.signal).then(() => {
      if (!this.#ended && this.#keeper.current === live) this.#watch(live, path);
    });
  }

  #update(live: LiveSession, children: Children<ChildNode>): void {
    this.#children = children;
    this.#childrenSession = live;
    this.#instances = undefined;
    this.#ready?.resolve();
    for (const reader of this.#readers) reader.push(() => this.instances);
  }

  #list(): readonly Instance[] {
    const instances: Instance[] = [];
    for (const child of this.#children?.list ?? []) {
      const instance = this.#decode(child);
      if (instance !== undefined) instances.push(instance);
    }
    return instances;
  }

  #decode({ name, node }: ChildNode): Instance | undefined {
    const known = this.#decoded.get(node);
    if (known) return known.instance;
    const instance = decode(this.name, name, node);
    this.#decoded.set(node, { instance });
    return instance;
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = reason;
    this.#stopFollowing();
    this.#stopListening();
    this.#stopWatching();
    this.#ready?.reject(reason);
    for (const reader of [...this.#readers]) reader.end(reason);
  }
}
