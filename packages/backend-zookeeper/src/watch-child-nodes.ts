import type { ChildNode, ChildNodesSink } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { join, toChild } from "./paths.js";
import { toNode } from "./reads.js";
import { reactionTime, type WatchContext, WatchLoop } from "./watch-loop.js";
import { isSame } from "./watch-node.js";

/**
 * Follows the children of one node and their data: a watch on the listing and one on each child. It takes one read
 * per child to begin with; after that, a new or removed child costs one listing and a read of what is new, and a
 * change of data costs one read.
 */
export class ChildNodesWatch extends WatchLoop {
  readonly #path: string;
  readonly #at: string;
  readonly #sink: ChildNodesSink;
  readonly #children = new Map<string, ChildNode>();
  /** Children to be read again, because their watch fired. */
  readonly #outdated = new Set<string>();
  readonly #stopListening = new Map<string, () => void>();
  #listingOutdated = true;
  #reported: "nothing" | "missing" | "children" = "nothing";

  constructor(context: WatchContext, path: string, at: string, sink: ChildNodesSink) {
    super(context, path, (error) => sink.failed(error));
    this.#path = path;
    this.#at = at;
    this.#sink = sink;
    this.onStop(context.onFired("children", at, () => this.#listAgain()));
    this.onStop(
      context.onFired("data", at, () => {
        if (this.#reported === "missing") this.#listAgain();
      }),
    );
    this.onStop(() => this.#dropAll());
  }

  protected forget(): void {
    this.#dropAll();
    this.#listingOutdated = true;
    this.#reported = "nothing";
  }

  protected async read(connection: Connection): Promise<void> {
    if (this.#listingOutdated) {
      this.#listingOutdated = false;
      const names = await connection.children(this.#at, { watch: true });
      if (this.stopped) return;
      if (names === undefined) {
        await this.#missing(connection);
        return;
      }
      this.#removeAllBut(new Set(names));
      for (const name of names) {
        if (!this.#children.has(name)) this.#outdated.add(name);
      }
    }
    await this.#readOutdated(connection);
  }

  #listAgain(): void {
    this.#listingOutdated = true;
    this.changed();
  }

  async #missing(connection: Connection): Promise<void> {
    this.#dropAll();
    if (this.#reported !== "missing") {
      this.#reported = "missing";
      this.#sink.snapshot(undefined);
    }
    await reactionTime();
    if (this.stopped) return;
    const stat = await connection.exists(this.#at, { watch: true });
    if (stat !== undefined) this.#listAgain();
  }

  async #readOutdated(connection: Connection): Promise<void> {
    const names = [...this.#outdated];
    this.#outdated.clear();
    const found = await Promise.all(names.map((name) => this.#readChild(connection, name)));
    if (this.stopped) return;
    const changed = found.filter((child) => child !== undefined);
    if (this.#reported === "children") {
      for (const child of changed) if (!this.stopped) this.#sink.changed(child);
      return;
    }
    this.#reported = "children";
    this.#sink.snapshot([...this.#children.values()]);
  }

  /** Resolves with the child if it is new or has changed. */
  async #readChild(connection: Connection, name: string): Promise<ChildNode | undefined> {
    const at = join(this.#at, name);
    if (!this.#stopListening.has(name)) {
      const outdated = (): void => {
        this.#outdated.add(name);
        this.changed();
      };
      this.#stopListening.set(name, this.context.onFired("data", at, outdated));
    }
    const found = await connection.get(at, { watch: true });
    if (this.stopped) return undefined;
    if (found === undefined) {
      // Forgotten, so that a recreation that the next listing shows is read.
      if (this.#children.delete(name) && this.#reported === "children") this.#sink.removed(name);
      return undefined;
    }
    const child: ChildNode = { ...toChild(name), node: toNode(join(this.#path, name), found) };
    const before = this.#children.get(name);
    this.#children.set(name, child);
    return isSame(before?.node, child.node) ? undefined : child;
  }

  #removeAllBut(names: ReadonlySet<string>): void {
    for (const name of this.#stopListening.keys()) {
      if (!names.has(name)) this.#dropListener(name);
    }
    for (const name of [...this.#children.keys()]) {
      if (names.has(name)) continue;
      this.#children.delete(name);
      this.#outdated.delete(name);
      if (this.#reported === "children" && !this.stopped) this.#sink.removed(name);
    }
  }

  #dropListener(name: string): void {
    this.#stopListening.get(name)?.();
    this.#stopListening.delete(name);
  }

  #dropAll(): void {
    for (const name of [...this.#stopListening.keys()]) this.#dropListener(name);
    this.#children.clear();
    this.#outdated.clear();
  }
}
