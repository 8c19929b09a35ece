import type { Node, NodeSink } from "@conclave/api/backend";
import type { Connection } from "./driver.js";
import { toNode } from "./reads.js";
import { reactionTime, type WatchContext, WatchLoop } from "./watch-loop.js";

/** Follows the state of one node. */
export class NodeWatch extends WatchLoop {
  readonly #path: string;
  readonly #at: string;
  readonly #sink: NodeSink;
  #reported: { readonly node: Node | undefined } | undefined;

  constructor(context: WatchContext, path: string, at: string, sink: NodeSink) {
    super(context, path, (error) => sink.failed(error));
    this.#path = path;
    this.#at = at;
    this.#sink = sink;
    this.onStop(context.onFired("data", at, () => this.changed()));
  }

  protected forget(): void {
    this.#reported = undefined;
  }

  protected async read(connection: Connection): Promise<void> {
    const found = await connection.get(this.#at, { watch: true });
    if (this.stopped) return;
    this.#report(found === undefined ? undefined : toNode(this.#path, found));
    if (found !== undefined) return;
    await reactionTime();
    if (this.stopped) return;
    const stat = await connection.exists(this.#at, { watch: true });
    if (stat !== undefined) this.changed();
  }

  #report(node: Node | undefined): void {
    const last = this.#reported;
    if (last !== undefined && isSame(last.node, node)) return;
    this.#reported = { node };
    this.#sink.state(node);
  }
}

export function isSame(a: Node | undefined, b: Node | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.createRevision === b.createRevision && a.modRevision === b.modRevision;
}
