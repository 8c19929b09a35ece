import type { ChildNamesSink, ChildNodesSink, NodeSink, StopWatch } from "@conclave/api/backend";
import type { Connection, WatchKind } from "./driver.js";
import type { Link } from "./link.js";
import type { Namespace } from "./paths.js";
import { ChildNamesWatch } from "./watch-child-names.js";
import { ChildNodesWatch } from "./watch-child-nodes.js";
import type { WatchContext, WatchLoop } from "./watch-loop.js";
import { NodeWatch } from "./watch-node.js";

/**
 * The watches of a session, on ZooKeeper's one-shot watches: each is set again by the read that its firing causes, and
 * all of them are on every new connection. Any number of ours on one path share one of the server's.
 */
export class Watches implements WatchContext {
  readonly #link: Link;
  readonly #namespace: Namespace;
  readonly #loops = new Set<WatchLoop>();
  readonly #listeners = {
    data: new Map<string, Set<() => void>>(),
    children: new Map<string, Set<() => void>>(),
  };

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
    for (const run of [...(this.#listeners[kind].get(storePath) ?? [])]) run();
  }

  reconnected(): void {
    for (const loop of [...this.#loops]) loop.restart();
  }

  stopAll(): void {
    for (const loop of [...this.#loops]) loop.stop();
  }

  require(path: string): Connection {
    return this.#link.require(path);
  }

  onFired(kind: WatchKind, storePath: string, run: () => void): () => void {
    const byPath = this.#listeners[kind];
    const listeners = byPath.get(storePath) ?? new Set();
    byPath.set(storePath, listeners);
    listeners.add(run);
    return () => {
      listeners.delete(run);
      if (listeners.size === 0 && byPath.get(storePath) === listeners) byPath.delete(storePath);
    };
  }

  #start(loop: WatchLoop): StopWatch {
    this.#loops.add(loop);
    loop.onStop(() => this.#loops.delete(loop));
    loop.restart();
    return () => loop.stop();
  }
}
