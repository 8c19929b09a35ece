import type { Entry } from "./entry.js";
import { nameOf, parentOf } from "./namespace.js";

/** Is told what becomes of one node. */
export interface NodeListener {
  nodeIs(entry: Entry | undefined): void;
}

/** Is told what becomes of the children of one node. */
export interface ChildListener {
  /** The parent came into being or went. */
  childrenAre(parent: Entry | undefined): void;
  childAdded(child: Entry): void;
  childSet(child: Entry): void;
  childRemoved(name: string): void;
}

/** Who is to be told of what, by path: a change costs as much as it has listeners. */
export class Watchers {
  readonly #ofNode = new Map<string, Set<NodeListener>>();
  readonly #ofChildren = new Map<string, Set<ChildListener>>();

  onNode(path: string, listener: NodeListener): () => void {
    return register(this.#ofNode, path, listener);
  }

  onChildren(path: string, listener: ChildListener): () => void {
    return register(this.#ofChildren, path, listener);
  }

  created(entry: Entry): void {
    for (const listener of listening(this.#ofNode, entry.path)) listener.nodeIs(entry);
    for (const listener of listening(this.#ofChildren, entry.path)) listener.childrenAre(entry);
    for (const listener of listening(this.#ofChildren, parentOf(entry.path))) listener.childAdded(entry);
  }

  set(entry: Entry): void {
    for (const listener of listening(this.#ofNode, entry.path)) listener.nodeIs(entry);
    // The root is its own parent by path, but nobody's child.
    if (entry.origin.parent === undefined) return;
    for (const listener of listening(this.#ofChildren, parentOf(entry.path))) listener.childSet(entry);
  }

  removed(path: string): void {
    for (const listener of listening(this.#ofNode, path)) listener.nodeIs(undefined);
    for (const listener of listening(this.#ofChildren, path)) listener.childrenAre(undefined);
    for (const listener of listening(this.#ofChildren, parentOf(path))) listener.childRemoved(nameOf(path));
  }
}

const nobody: ReadonlySet<never> = new Set();

function listening<L>(listeners: ReadonlyMap<string, ReadonlySet<L>>, path: string): ReadonlySet<L> {
  return listeners.get(path) ?? nobody;
}

function register<L>(listeners: Map<string, Set<L>>, path: string, listener: L): () => void {
  const present = listeners.get(path);
  if (present === undefined) listeners.set(path, new Set([listener]));
  else present.add(listener);
  return () => {
    const those = listeners.get(path);
    those?.delete(listener);
    if (those?.size === 0) listeners.delete(path);
  };
}
