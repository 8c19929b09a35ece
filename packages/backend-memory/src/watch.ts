import { type Child, type ChildrenSink, ConclaveError, type NodeSink } from "@conclave/api/backend";
import type { Connection } from "./connection.js";
import { type Entry, nodeView } from "./entry.js";
import type { Namespace } from "./namespace.js";
import type { Store } from "./store.js";
import type { ChildListener, NodeListener } from "./watchers.js";

/** A watch on the client's side. It is set anew on each connection, and then reports the state whole (WATCH-4). */
export abstract class Watch {
  protected readonly store: Store;
  #connection: Connection | undefined;
  #unregister: (() => void) | undefined;
  #stopped = false;

  constructor(store: Store) {
    this.store = store;
  }

  /** Sets the watch over a new connection. */
  start(connection: Connection): void {
    this.#unregister?.();
    this.#unregister = undefined;
    this.#connection = connection;
    connection
      .request("watch", () => {
        if (this.#stopped) return;
        this.#unregister = this.register();
        // Goes the way of the notices, not as the reply, so that no notice can overtake it.
        this.#send(this.report());
      })
      .catch((error: unknown) => {
        // Of these the session hears by other ways, and sets the watch anew or ends it.
        if (ConclaveError.is(error, "CONNECTION_LOST") || ConclaveError.is(error, "SESSION_LOST")) return;
        if (!this.#stopped) this.failed(error instanceof Error ? error : new Error(String(error)));
      });
  }

  stop(): void {
    this.#stopped = true;
    this.#unregister?.();
    this.#unregister = undefined;
    this.#connection = undefined;
  }

  protected notify(tell: () => void): void {
    this.#send((connection) => {
      connection.notified();
      tell();
    });
  }

  #send(tell: (connection: Connection) => void): void {
    const connection = this.#connection;
    connection?.notify(() => {
      if (!this.#stopped) tell(connection);
    });
  }

  /** Runs at the store: from now on changes are told. */
  protected abstract register(): () => void;
  /** Runs at the store: how to tell the present state. */
  protected abstract report(): () => void;
  protected abstract failed(error: Error): void;
}

export class NodeWatch extends Watch implements NodeListener {
  readonly #namespace: Namespace;
  readonly #path: string;
  readonly #sink: NodeSink;

  constructor(store: Store, namespace: Namespace, path: string, sink: NodeSink) {
    super(store);
    this.#namespace = namespace;
    this.#path = namespace.absolute(path);
    this.#sink = sink;
  }

  nodeIs(entry: Entry | undefined): void {
    this.notify(this.#state(entry));
  }

  protected register(): () => void {
    return this.store.watchers.onNode(this.#path, this);
  }

  protected report(): () => void {
    return this.#state(this.store.tree.get(this.#path));
  }

  protected failed(error: Error): void {
    this.#sink.failed(error);
  }

  #state(entry: Entry | undefined): () => void {
    const node = entry === undefined ? undefined : nodeView(entry, this.#namespace);
    return () => this.#sink.state(node);
  }
}

export interface ChildrenWatchOptions<C extends Child> {
  readonly store: Store;
  /** In the store, not in the namespace. */
  readonly path: string;
  readonly sink: ChildrenSink<C>;
  readonly view: (entry: Entry) => C;
  readonly withData: boolean;
}

export class ChildrenWatch<C extends Child> extends Watch implements ChildListener {
  readonly #options: ChildrenWatchOptions<C>;

  constructor(options: ChildrenWatchOptions<C>) {
    super(options.store);
    this.#options = options;
  }

  childrenAre(parent: Entry | undefined): void {
    this.notify(this.#snapshot(parent));
  }

  childAdded(entry: Entry): void {
    const child = this.#options.view(entry);
    this.notify(() => this.#options.sink.changed(child));
  }

  childSet(entry: Entry): void {
    if (this.#options.withData) this.childAdded(entry);
  }

  childRemoved(name: string): void {
    this.notify(() => this.#options.sink.removed(name));
  }

  protected register(): () => void {
    return this.store.watchers.onChildren(this.#options.path, this);
  }

  protected report(): () => void {
    return this.#snapshot(this.store.tree.get(this.#options.path));
  }

  protected failed(error: Error): void {
    this.#options.sink.failed(error);
  }

  #snapshot(parent: Entry | undefined): () => void {
    const { view, sink } = this.#options;
    const children = parent === undefined ? undefined : Array.from(parent.children.values(), view);
    return () => sink.snapshot(children);
  }
}
