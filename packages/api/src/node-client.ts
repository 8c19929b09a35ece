import type { Child, ChildNode, Node } from "./backend/operations.js";
import type { BackendSession } from "./backend/session.js";
import type { StopWatch } from "./backend/watch.js";
import { ConclaveError } from "./errors.js";
import { checkOptions, checkPath } from "./internal/check.js";
import { Children } from "./internal/children.js";
import { iterable, Latest } from "./internal/latest.js";
import { newest } from "./internal/newest.js";
import { type CallOptions, NodeWriter } from "./node-writer.js";

export interface ReadCallOptions extends CallOptions {
  /** See everything that was acknowledged to anybody before the call began (READ-2). Default false. */
  readonly linearizable?: boolean | undefined;
}

/** How a watch attaches to one session at the store. */
export type StartWatch = (backend: BackendSession) => StopWatch;

/** The whole interface to nodes: reads and watches, beside the writes. Implemented by `Session` and `Coordinator`. */
export abstract class NodeClient extends NodeWriter {
  protected abstract read<T>(
    call: (backend: BackendSession) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T>;

  /** Keeps a watch attached; `ended` tells the reason when it cannot go on. */
  protected abstract attach(start: StartWatch, ended: (reason: unknown) => void): StopWatch;

  /** Throws if this client can deliver nothing any more. */
  protected abstract checkAlive(): void;

  /**
   * Reads a node; `undefined` when there is none.
   *
   * Guarantees: READ-1, with `linearizable` READ-2; repeated across a disconnection (OUT-2).
   * Errors: `INVALID_PATH`, `SESSION_LOST`, `CLOSED`, `ABORTED`.
   */
  async get(path: string, options: ReadCallOptions = {}): Promise<Node | undefined> {
    checkPath(path);
    checkOptions("get", options, readOptionNames);
    const { linearizable = false, signal } = options;
    return this.read((backend) => backend.get(path, { linearizable }), signal);
  }

  /** Whether a node exists. As `get`. */
  async exists(path: string, options: ReadCallOptions = {}): Promise<boolean> {
    return (await this.get(path, options)) !== undefined;
  }

  /** Lists a node's children, in no particular order. As `get`, but rejects with `NO_NODE` when the node does not exist. */
  async children(path: string, options: ReadCallOptions = {}): Promise<readonly Child[]> {
    checkPath(path);
    checkOptions("children", options, readOptionNames);
    const { linearizable = false, signal } = options;
    return listed(path, await this.read((backend) => backend.children(path, { linearizable }), signal));
  }

  /** Lists a node's children with their data. As `children`. Not a snapshot: each child is as it was at some moment of the call. */
  async childNodes(path: string, options: ReadCallOptions = {}): Promise<readonly ChildNode[]> {
    checkPath(path);
    checkOptions("childNodes", options, readOptionNames);
    const { linearizable = false, signal } = options;
    return listed(path, await this.read((backend) => backend.childNodes(path, { linearizable }), signal));
  }

  /**
   * Watches a node: yields its state now (`undefined` when there is none), then later states.
   *
   * Guarantees WATCH-1..7: nothing is missed at the start, never an older state after a newer one, the last state when
   * changes stop; states in between may be skipped. It lasts until you leave the loop or `signal` aborts, which ends it
   * quietly; the watch of a session throws `SESSION_LOST` or `CLOSED` when that ends, that of a coordinator goes on in the
   * next session. Each loop over the result starts its own watch.
   */
  watch(path: string, options: CallOptions = {}): AsyncIterable<Node | undefined> {
    checkPath(path);
    checkOptions("watch", options, ["signal"]);
    return this.#iterable<Node | undefined>(options.signal, (latest) => {
      const sink = newest(
        (node) => latest.push(() => node),
        (error) => latest.end(error),
      );
      return (backend) => backend.watchNode(path, sink);
    });
  }

  /** Watches the names of a node's children. As `watch`; yields `undefined` while the node does not exist. */
  watchChildren(path: string, options: CallOptions = {}): AsyncIterable<readonly Child[] | undefined> {
    checkPath(path);
    checkOptions("watchChildren", options, ["signal"]);
    return this.#iterable<readonly Child[] | undefined>(options.signal, (latest) => {
      const children = new Children<Child>(
        () => latest.push(() => children.list),
        (error) => latest.end(error),
      );
      return (backend) => backend.watchChildren(path, children);
    });
  }

  /** Watches a node's children with their data. As `watchChildren`. */
  watchChildNodes(path: string, options: CallOptions = {}): AsyncIterable<readonly ChildNode[] | undefined> {
    checkPath(path);
    checkOptions("watchChildNodes", options, ["signal"]);
    return this.#iterable<readonly ChildNode[] | undefined>(options.signal, (latest) => {
      const children = new Children<ChildNode>(
        () => latest.push(() => children.list),
        (error) => latest.end(error),
      );
      return (backend) => backend.watchChildNodes(path, children);
    });
  }

  #iterable<T>(
    signal: AbortSignal | undefined,
    prepare: (latest: Latest<T>) => StartWatch,
  ): AsyncIterable<T> {
    return iterable(
      () =>
        new Latest<T>({ signal, beforeRead: () => this.checkAlive() }, (latest) =>
          this.attach(prepare(latest), (reason) => latest.end(reason)),
        ),
    );
  }
}

const readOptionNames = ["linearizable", "signal"];

function listed<C>(path: string, children: readonly C[] | undefined): readonly C[] {
  if (children === undefined)
    throw new ConclaveError("NO_NODE", `no node at ${JSON.stringify(path)}`, { path });
  return children;
}
