import type { Child, ChildNode, Node } from "../backend/operations.js";
import type { ChildrenSink } from "../backend/watch.js";

/**
 * The children of one node as last reported, kept up by listings and single changes: one change costs one step, whatever
 * the number of children.
 */
export class Children<C extends Child> implements ChildrenSink<C> {
  readonly #byName = new Map<string, C>();
  #exists = false;

  /** `changed` is called after each report; `failed` when the watch cannot go on. */
  constructor(
    readonly updated: () => void,
    readonly failed: (error: Error) => void,
  ) {}

  /** All children now; `undefined` when the parent does not exist. */
  get list(): readonly C[] | undefined {
    return this.#exists ? [...this.#byName.values()] : undefined;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  snapshot(children: readonly C[] | undefined): void {
    this.#byName.clear();
    this.#exists = children !== undefined;
    for (const child of children ?? []) this.#byName.set(child.name, child);
    this.updated();
  }

  changed(child: C): void {
    const known = this.#byName.get(child.name);
    if (known !== undefined && isOlder(child, known)) return;
    this.#byName.set(child.name, child);
    this.updated();
  }

  removed(name: string): void {
    if (this.#byName.delete(name)) this.updated();
  }
}

/** Whether `child` is a state that came before `known` (WATCH-2). */
export function isOlder(child: Child, known: Child): boolean {
  const [node, knownNode] = [nodeOf(child), nodeOf(known)];
  return node !== undefined && knownNode !== undefined && node.modRevision < knownNode.modRevision;
}

/** Whether `child` is the very state that is known. */
export function isSame(child: Child, known: Child): boolean {
  return nodeOf(child)?.modRevision === nodeOf(known)?.modRevision && child.sequence === known.sequence;
}

function nodeOf(child: Child | ChildNode): Node | undefined {
  return "node" in child ? child.node : undefined;
}
