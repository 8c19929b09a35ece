import type { Child, ChildNode, ChildrenSink, NodeSink } from "@conclave/api/backend";
import type { IEvent, IKeyValue } from "etcd3";
import type { Keys } from "./keys.js";
import { listChildren, readNode, toChild, toChildNode, toNode } from "./reads.js";
import type { Follower } from "./watch.js";

/** The state of one node. Of changes that come together, the last is told. */
export function followNode(keys: Keys, path: string, sink: NodeSink): Follower {
  return {
    range: { key: keys.node(path) },
    async read(connection) {
      const { node, revision } = await readNode(connection.kv, keys, path);
      return { revision, report: () => sink.state(node) };
    },
    apply(events) {
      const last = events.at(-1);
      if (last !== undefined) sink.state(last.type === "Delete" ? undefined : toNode(path, last.kv));
    },
    failed: (error) => sink.failed(error),
  };
}

export function followChildNames(keys: Keys, path: string, sink: ChildrenSink<Child>): Follower {
  return new ChildrenFollower(keys, path, sink, false, toChild);
}

export function followChildNodes(keys: Keys, path: string, sink: ChildrenSink<ChildNode>): Follower {
  const parent = path === "/" ? "" : path;
  return new ChildrenFollower(keys, path, sink, true, (name, kv) =>
    toChildNode(name, `${parent}/${name}`, kv),
  );
}

/**
 * The children of one node, and whether it is there: by its own key or, with foreign keys, by something below it
 * (NODE-10).
 */
class ChildrenFollower<C extends Child> implements Follower {
  readonly range: Follower["range"];
  readonly readsAgain = true;
  readonly #keys: Keys;
  readonly #path: string;
  readonly #key: Buffer;
  readonly #sink: ChildrenSink<C>;
  readonly #withData: boolean;
  readonly #toChild: (name: string, kv: IKeyValue) => C;
  #present = false;
  #reported = false;
  #names = new Set<string>();

  constructor(
    keys: Keys,
    path: string,
    sink: ChildrenSink<C>,
    withData: boolean,
    child: (name: string, kv: IKeyValue) => C,
  ) {
    this.#keys = keys;
    this.#path = path;
    this.#key = keys.node(path);
    this.range = keys.spanning(path);
    this.#sink = sink;
    this.#withData = withData;
    this.#toChild = child;
  }

  async read(connection: Parameters<Follower["read"]>[0]) {
    const listing = await listChildren(connection.kv, this.#keys, this.#path, this.#withData);
    const report = (): void => {
      this.#present = listing.present;
      this.#reported = listing.exists;
      this.#names = new Set(listing.children.map(({ name }) => name));
      const children = listing.children.map(({ name, kv }) => this.#toChild(name, kv));
      this.#sink.snapshot(listing.exists ? children : undefined);
    };
    return { revision: listing.revision, report };
  }

  apply(events: readonly IEvent[]): void {
    for (const event of events) this.#applyOne(event);
  }

  failed(error: Error): void {
    this.#sink.failed(error);
  }

  #applyOne({ type, kv }: IEvent): void {
    const deleted = type === "Delete";
    if (this.#key.equals(kv.key)) {
      this.#present = !deleted;
      this.#reportExistence();
      return;
    }
    const name = this.#keys.childName(this.#path, kv.key);
    if (name === undefined) return;
    if (deleted) {
      if (!this.#names.delete(name)) return;
      this.#sink.removed(name);
      this.#reportExistence();
      return;
    }
    const added = !this.#names.has(name);
    this.#names.add(name);
    if (!this.#reported) {
      this.#reported = true;
      this.#sink.snapshot([this.#toChild(name, kv)]);
    } else if (added || this.#withData) this.#sink.changed(this.#toChild(name, kv));
  }

  #reportExistence(): void {
    const exists = this.#present || this.#names.size > 0;
    if (exists === this.#reported) return;
    this.#reported = exists;
    this.#sink.snapshot(exists ? [] : undefined);
  }
}
