import {
  type ChildNamesSink,
  type ChildNodesSink,
  type NodeSink,
  type StopWatch,
  systemClock,
} from "@conclave/api/backend";
import type { Connection, DirectoryEvent, WatchKind } from "./driver.js";
import type { Link } from "./link.js";
import { Listeners } from "./listeners.js";
import type { Namespace } from "./paths.js";
import { ChildNamesWatch } from "./watch-child-names.js";
import { ChildNodesWatch } from "./watch-child-nodes.js";
import type { WatchContext, WatchLoop } from "./watch-loop.js";
import { NodeWatch } from "./watch-node.js";

/** How long a native watch that nobody uses is left: most fire soon, or are wanted again. */
export const LINGER_MS = 500;

/**
 * The watches of a session. Any number of ours on one path share one native watch, and all are set again on every new
 * connection, with a read of everything: what a native watch missed in between, no server tells.
 *
 * A node is followed by one-shot watches, set again by the read that each firing causes. A standing watch would save
 * nothing, since that read is needed anyway, and would report the node's children, too. Directories are followed by
 * watches on directories if driver and server have them.
 */
export class Watches implements WatchContext {
  readonly #link: Link;
  readonly #namespace: Namespace;
  readonly #loops = new Set<WatchLoop>();
  readonly #fired: Readonly<Record<WatchKind, Listeners<void>>> = {
    data: new Listeners((path) => this.#unused("data", path)),
    children: new Listeners((path) => this.#unused("children", path)),
  };
  readonly #happened = new Listeners<DirectoryEvent>((path) => this.#unused("directory", path));
  /** Once a server of this session was too old, none is asked again: it may have ended the connection for being asked. */
  #hasDirectories = true;
  /** Cancels what is about to look for native watches that nobody uses. */
  #cancelSweep: (() => void) | undefined;
  readonly #sweep = { data: new Set<string>(), children: new Set<string>(), directory: new Set<string>() };
  #over = false;

  constructor(link: Link, namespace: Namespace) {
    this.#link = link;
    this.#namespace = namespace;
  }

  watchNode(path: string, sink: NodeSink): StopWatch {
    return this.#start(new NodeWatch(this, path, this.#namespace.toStore(path), sink));
  }

  watchChildren(path: string, sink: ChildNamesSink): StopWatch {
    return this.#start(new ChildNamesWatch(this, path, this.#namespace.toStore(path), sink));
  }

  watchChildNodes(path: string, sink: ChildNodesSink): StopWatch {
    return this.#start(new ChildNodesWatch(this, path, this.#namespace.toStore(path), sink));
  }

  fired(kind: WatchKind, storePath: string): void {
    this.#fired[kind].report(storePath);
  }

  happened(directory: string, event: DirectoryEvent): void {
    this.#happened.report(directory, event);
  }

  reconnected(): void {
    for (const loop of [...this.#loops]) loop.restart();
  }

  stopAll(): void {
    this.#over = true;
    this.#cancelSweep?.();
    for (const loop of [...this.#loops]) loop.stop();
  }

  require(path: string): Connection {
    return this.#link.require(path);
  }

  onFired(kind: WatchKind, storePath: string, run: () => void): () => void {
    return this.#fired[kind].add(storePath, run);
  }

  onHappened(storePath: string, run: (event: DirectoryEvent) => void): () => void {
    return this.#happened.add(storePath, run);
  }

  watchDirectory(connection: Connection, storePath: string): Promise<boolean> | false {
    if (!this.#hasDirectories || connection.watchDirectory === undefined) return false;
    return connection.watchDirectory(storePath).then((stands) => {
      this.#hasDirectories &&= stands;
      return stands;
    });
  }

  #start(loop: WatchLoop): StopWatch {
    this.#loops.add(loop);
    loop.onStop(() => this.#loops.delete(loop));
    loop.restart();
    return () => loop.stop();
  }

  #unused(kind: WatchKind | "directory", path: string): void {
    if (this.#over || this.#link.current?.unwatch === undefined) return;
    this.#sweep[kind].add(path);
    this.#cancelSweep ??= systemClock.schedule(LINGER_MS, () => this.#unwatchUnused());
  }

  #unwatchUnused(): void {
    this.#cancelSweep = undefined;
    const connection = this.#link.current;
    for (const kind of ["data", "children", "directory"] as const) {
      const listeners = kind === "directory" ? this.#happened : this.#fired[kind];
      const paths = [...this.#sweep[kind]];
      this.#sweep[kind].clear();
      for (const path of paths) if (!listeners.has(path)) connection?.unwatch?.(kind, path);
    }
  }
}
