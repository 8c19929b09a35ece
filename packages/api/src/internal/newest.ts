import type { Node } from "../backend/operations.js";
import type { NodeSink } from "../backend/watch.js";

/** A sink that lets no older state of the node through after a newer one (WATCH-2). */
export function newest(state: (node: Node | undefined) => void, failed: (error: Error) => void): NodeSink {
  let last: Node | undefined;
  return {
    failed,
    state(node) {
      if (node !== undefined && last !== undefined && node.modRevision < last.modRevision) return;
      last = node ?? last;
      state(node);
    },
  };
}
