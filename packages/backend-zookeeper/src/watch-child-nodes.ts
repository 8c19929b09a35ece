import type { ChildNode, ChildNodesSink } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { join, toChild } from "./paths.js";
import { toNode } from "./reads.js";
import { ChildrenWatch } from "./watch-children.js";
import type { WatchContext } from "./watch-loop.js";
import { isSame } from "./watch-node.js";

/**
 * Follows the children of one node and their data. It takes one read per child to begin with; after that, a child that
 * is new or has changed costs one read.
 */
export class ChildNodesWatch extends ChildrenWatch<ChildNode> {
  readonly #path: string;
  readonly #children = new Map<string, ChildNode>();
  /** Children to be read. */
  readonly #outdated = new Set<string>();
  /** Of the one-shot watch on each child, where there is one. */
  readonly #stopListening = new Map<string, () => void>();

  constructor(context: WatchContext, path: string, at: string, sink: ChildNodesSink) {
    super(context, path, at, sink);
    this.#path = path;
    this.onStop(() => this.clear());
  }

  protected clear(): void {
    for (const stop of this.#stopListening.values()) stop();
    this.#stopListening.clear();
    this.#children.clear();
    this.#outdated.clear();
  }

  protected listed(names: ReadonlySet<string>): void {
    for (const name of new Set([...this.#stopListening.keys(), ...this.#children.keys()])) {
      if (!names.has(name)) this.happened(name, false);
    }
    for (const name of names) {
      if (!this.#children.has(name)) this.#outdated.add(name);
    }
  }

  protected happened(name: string, isThere: boolean): void {
    if (isThere) this.#outdated.add(name);
    else {
      this.#outdated.delete(name);
      this.#stopListening.get(name)?.();
      this.#stopListening.delete(name);
      this.#removed(name);
    }
  }

  protected async update(connection: Connection): Promise<void> {
    const names = [...this.#outdated];
    this.#outdated.clear();
    const found = await Promise.all(names.map((name) => this.#read(connection, name)));
    if (this.stopped) return;
    if (this.reported === "children") {
      for (const child of found) if (child !== undefined && !this.stopped) this.sink.changed(child);
      return;
    }
    this.reported = "children";
    this.sink.snapshot([...this.#children.values()]);
  }

  /** Resolves with the child if it is new or has changed. */
  async #read(connection: Connection, name: string): Promise<ChildNode | undefined> {
    const at = join(this.at, name);
    if (!this.watchesDirectory) this.#listen(name, at);
    const found = await connection.get(at, { watch: !this.watchesDirectory });
    if (this.stopped) return undefined;
    if (found === undefined) {
      // Forgotten, so that it is read when it is made again.
      this.#removed(name);
      return undefined;
    }
    const child: ChildNode = { ...toChild(name), node: toNode(join(this.#path, name), found) };
    const before = this.#children.get(name);
    this.#children.set(name, child);
    return isSame(before?.node, child.node) ? undefined : child;
  }

  #listen(name: string, at: string): void {
    if (this.#stopListening.has(name)) return;
    const outdated = (): void => {
      this.#outdated.add(name);
      this.changed();
    };
    this.#stopListening.set(name, this.context.onFired("data", at, outdated));
  }

  #removed(name: string): void {
    if (this.#children.delete(name) && this.reported === "children" && !this.stopped) this.sink.removed(name);
  }
}
