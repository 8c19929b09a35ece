import { ConclaveError, type NodeWriter } from "@conclave/api";

/** Makes a persistent node, unless it is there: may be repeated, so a lost reply does no harm. */
export function ensureNode(writer: NodeWriter, path: string, data: string): Promise<void> {
  return untilKnown(() => writer.create(path, data, { parents: true }), "NODE_EXISTS");
}

/** Deletes a node, unless it is gone. As `ensureNode`. */
export function ensureNoNode(writer: NodeWriter, path: string): Promise<void> {
  return untilKnown(() => writer.delete(path), "NO_NODE");
}

/** Repeats a write until it is known to have taken effect, which `already` says too. */
async function untilKnown(write: () => Promise<unknown>, already: "NODE_EXISTS" | "NO_NODE"): Promise<void> {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      if (ConclaveError.is(error, already)) return;
      if (!ConclaveError.is(error) || error.outcome !== "unknown" || error.code === "ABORTED") throw error;
    }
  }
}
