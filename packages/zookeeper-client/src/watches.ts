import { callBack } from "./call-back.js";
import type { WatchEvent } from "./events.js";
import type { StandingWatches } from "./set-watches.js";

export type WatchListener = (event: WatchEvent) => void;

/** Kinds of one-shot watches, as the server tells them apart when they are set again. */
export type OneShotKind = "data" | "exist" | "child";
export type PersistentKind = "persistent" | "recursive";

/** Whoever receives what a persistent watch reports. */
export interface PersistentSink {
  event(event: WatchEvent): void;
  /** Events may have been missed. */
  gap(): void;
  /** There will be no more. */
  fail(error: unknown): void;
}

type ByPath<T> = Map<string, Set<T>>;

/** The watches of one session, with the server's paths: who gets an event, and what has to be set again. */
export class Watches {
  readonly #oneShot: Record<OneShotKind, ByPath<WatchListener>> = {
    data: new Map(),
    exist: new Map(),
    child: new Map(),
  };
  readonly #persistent: Record<PersistentKind, ByPath<PersistentSink>> = {
    persistent: new Map(),
    recursive: new Map(),
  };

  addOneShot(kind: OneShotKind, path: string, listener: WatchListener): void {
    add(this.#oneShot[kind], path, listener);
  }

  /** Returns whether it is the first for this path. */
  addPersistent(kind: PersistentKind, path: string, sink: PersistentSink): boolean {
    return add(this.#persistent[kind], path, sink);
  }

  /** Returns whether it was the last for this path. */
  removePersistent(kind: PersistentKind, path: string, sink: PersistentSink): boolean {
    const sinks = this.#persistent[kind].get(path);
    if (sinks === undefined || !sinks.delete(sink) || sinks.size > 0) return false;
    this.#persistent[kind].delete(path);
    return true;
  }

  isPersistent(kind: PersistentKind, path: string): boolean {
    return this.#persistent[kind].has(path);
  }

  dispatch(event: WatchEvent): void {
    const { type, path } = event;
    if (type !== "children") {
      this.#fire("data", event);
      this.#fire("exist", event);
    }
    if (type === "children" || type === "deleted") this.#fire("child", event);
    report(this.#persistent.persistent.get(path), event);
    // Of lists of children, watches on a whole subtree hear through the children themselves.
    if (type === "children" || this.#persistent.recursive.size === 0) return;
    for (let at = path; ; at = at.slice(0, Math.max(1, at.lastIndexOf("/")))) {
      report(this.#persistent.recursive.get(at), event);
      if (at === "/") break;
    }
  }

  /** All that has to be set again on a new connection. */
  standing(): StandingWatches {
    return {
      data: [...this.#oneShot.data.keys()],
      exist: [...this.#oneShot.exist.keys()],
      child: [...this.#oneShot.child.keys()],
      persistent: [...this.#persistent.persistent.keys()],
      recursive: [...this.#persistent.recursive.keys()],
    };
  }

  /** What has to be set again when all watches of one path were removed at the server. */
  standingAt(path: string): StandingWatches {
    const at = (map: ReadonlyMap<string, unknown>): string[] => (map.has(path) ? [path] : []);
    return {
      data: at(this.#oneShot.data),
      exist: at(this.#oneShot.exist),
      child: at(this.#oneShot.child),
      persistent: at(this.#persistent.persistent),
      recursive: at(this.#persistent.recursive),
    };
  }

  sinks(): readonly PersistentSink[] {
    return Object.values(this.#persistent).flatMap((map) => [...map.values()].flatMap((set) => [...set]));
  }

  clear(): void {
    for (const map of [...Object.values(this.#oneShot), ...Object.values(this.#persistent)]) map.clear();
  }

  #fire(kind: OneShotKind, event: WatchEvent): void {
    const listeners = this.#oneShot[kind].get(event.path);
    if (listeners === undefined) return;
    this.#oneShot[kind].delete(event.path);
    for (const listener of listeners) callBack(() => listener(event));
  }
}

function report(sinks: ReadonlySet<PersistentSink> | undefined, event: WatchEvent): void {
  if (sinks === undefined) return;
  for (const sink of sinks) sink.event(event);
}

function add<T>(map: ByPath<T>, path: string, value: T): boolean {
  const values = map.get(path);
  if (values !== undefined) {
    values.add(value);
    return false;
  }
  map.set(path, new Set([value]));
  return true;
}
