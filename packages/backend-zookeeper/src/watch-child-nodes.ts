import type { ChildNode, ChildNodesSink } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { join, toChild } from "./paths.js";
import { toNode } from "./reads.js";
import { ChildrenWatch, MAX_ROUNDS } from "./watch-children.js";
import type { WatchContext } from "./watch-loop.js";
import { isSame } from "./watch-node.js";

/**
 * Follows the children of one node and their data. It takes one read per child to begin with; after that, a change costs
 * one read.
 */
export class ChildNodesWatch extends ChildrenWatch<ChildNode> {
  readonly #path: string;
  readonly #children = new Map<string, ChildNode>();
  /** What was read and is not reported yet; `undefined` for what has gone. */
  readonly #news = new Map<string, ChildNode | undefined>();
  /** Names of the children that were reported. */
  readonly #shown = new Set<string>();
  /** How often in succession something had changed again before it could be reported. */
  #rounds = 0;
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
    this.#news.clear();
    this.#shown.clear();
    this.#rounds = 0;
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
    if (names.length > 0) await Promise.all(names.map((name) => this.#read(connection, name)));
    else if (this.#news.size > 0 && this.watchesDirectory) await connection.exists(this.at, { watch: false });
    if (this.stopped) return;
    const hasMoved = this.catchUp() || this.#outdated.size > 0 || this.listingOutdated;
    if (hasMoved && ++this.#rounds < MAX_ROUNDS) {
      this.changed();
      return;
    }
    this.#rounds = 0;
    this.#report();
  }

  #report(): void {
    const news = [...this.#news];
    this.#news.clear();
    if (this.reported !== "children") {
      this.reported = "children";
      for (const name of this.#children.keys()) this.#shown.add(name);
      this.sink.snapshot([...this.#children.values()]);
      return;
    }
    for (const [name, child] of news) {
      if (this.stopped) return;
      if (child !== undefined) {
        this.#shown.add(name);
        this.sink.changed(child);
      } else if (this.#shown.delete(name)) this.sink.removed(name);
    }
  }

  async #read(connection: Connection, name: string): Promise<void> {
    const at = join(this.at, name);
    if (!this.watchesDirectory) this.#listen(name, at);
    const found = await connection.get(at, { watch: !this.watchesDirectory });
    if (this.stopped) return;
    if (found === undefined) {
      // Forgotten, so that it is read when it is made again.
      this.#removed(name);
      return;
    }
    const child: ChildNode = { ...toChild(name), node: toNode(join(this.#path, name), found) };
    const before = this.#children.get(name);
    this.#children.set(name, child);
    if (!isSame(before?.node, child.node)) this.#news.set(name, child);
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
    if (this.#children.delete(name)) this.#news.set(name, undefined);
  }
}
