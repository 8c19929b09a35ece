import type { Child, ChildNode, Node } from "./operations.js";

/**
 * Where a backend reports the state of one node.
 *
 * The first call brings the state at or after the start of the watch; later calls bring later states, in order, and
 * may skip some. After a gap (disconnection, compaction, a watch that must be set anew) the state is read again and
 * reported whole. When changes stop, the last state reported is the store's.
 */
export interface NodeSink {
  state(node: Node | undefined): void;
  /** The watch cannot go on (access denied, ...). Not for disconnections and not for a lost session. */
  failed(error: Error): void;
}

/**
 * Where a backend reports the children of one node, by whole listings and by single changes after one. Each new connection
 * brings a whole listing: that is how the receiver knows that nothing is missing any more. Changes come in the store's order, those of
 * one commit too: a parent that was made is reported (an empty snapshot) before its children, and its deletion after theirs.
 */
export interface ChildrenSink<C extends Child> {
  /** All children; `undefined` when the parent does not exist. Replaces everything reported before. */
  snapshot(children: readonly C[] | undefined): void;
  /** A child was added, or its data changed (only with data). */
  changed(child: C): void;
  removed(name: string): void;
  failed(error: Error): void;
}

export type ChildNamesSink = ChildrenSink<Child>;
export type ChildNodesSink = ChildrenSink<ChildNode>;

/** Ends a watch; no sink method is called afterwards, nor before the call that began it has returned. Idempotent. */
export type StopWatch = () => void;
