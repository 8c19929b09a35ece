import type { Child, ChildNode, ChildrenSink, Node, NodeSink } from "@conclave/api/backend";
import { nameOf } from "./keys.js";
import { childNodesIn, namesIn, nodeIn, type Reply, toChild, toChildNode } from "./replies.js";

/** One change, as the store tells those who watch. */
export interface Change {
  readonly path: string;
  /** What it made of the node; `undefined` when the node is gone. */
  readonly node: Node | undefined;
  readonly isNew: boolean;
}

/** What becomes of one watch: its state whole, and then changes after it, those of one commit together. */
export interface Follower {
  readonly path: string;
  /** As the scripts name it. */
  readonly kind: "n" | "c" | "d";
  snapshot(reply: Reply): void;
  apply(changes: readonly Change[]): void;
  failed(error: Error): void;
}

export function followNode(path: string, sink: NodeSink): Follower {
  return {
    path,
    kind: "n",
    snapshot: (reply) => sink.state(nodeIn(path, reply, 2)),
    apply(changes) {
      const last = changes.findLast((change) => change.path === path);
      if (last !== undefined) sink.state(last.node);
    },
    failed: (error) => sink.failed(error),
  };
}

export function followChildNames(path: string, sink: ChildrenSink<Child>): Follower {
  return followChildren({
    path,
    kind: "c",
    sink,
    list: namesIn,
    child: ({ path: of, node }) => node && toChild(nameOf(of), node.createRevision),
  });
}

export function followChildNodes(path: string, sink: ChildrenSink<ChildNode>): Follower {
  return followChildren({
    path,
    kind: "d",
    sink,
    list: (reply) => childNodesIn(path, reply),
    child: ({ path: of, node }) => node && toChildNode(nameOf(of), node),
  });
}

interface Children<C extends Child> {
  readonly path: string;
  readonly kind: "c" | "d";
  readonly sink: ChildrenSink<C>;
  list(reply: Reply): readonly C[] | undefined;
  child(change: Change): C | undefined;
}

function followChildren<C extends Child>({ path, kind, sink, list, child }: Children<C>): Follower {
  const one = (change: Change): void => {
    if (change.path === path) {
      // Of the node itself only its coming and going counts here.
      if (change.isNew || change.node === undefined) sink.snapshot(change.node && []);
      return;
    }
    const present = child(change);
    if (present === undefined) sink.removed(nameOf(change.path));
    else if (change.isNew || kind === "d") sink.changed(present);
  };
  return {
    path,
    kind,
    snapshot: (reply) => sink.snapshot(list(reply)),
    apply: (changes) => changes.forEach(one),
    failed: (error) => sink.failed(error),
  };
}
