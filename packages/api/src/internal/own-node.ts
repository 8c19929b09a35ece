import type { CreateOperation, Guard } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import { ConclaveError, type ErrorCode } from "../errors.js";

/** Refusals that say that the node is no longer the one that was read. */
const passed: readonly ErrorCode[] = ["NO_NODE", "BAD_VERSION", "NOT_HELD"];

export function hasPassed(error: unknown): boolean {
  return passed.some((code) => ConclaveError.is(error, code));
}

/** Whether a write was done; false when the node is no longer the one that was read. */
export async function unlessPassed(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (hasPassed(error)) return false;
    throw error;
  }
}

/** Makes a node of that very name that lasts as long as the session, with its ancestors. */
export function ephemeralNode(path: string, data: Uint8Array): CreateOperation {
  return { type: "create", path, data, ephemeral: true, sequential: false, parents: true };
}

/** Removes the node that was read, if it still stands: its name comes back, so that only the guard tells it from a later one. */
export async function removeNode(backend: BackendSession, node: Guard): Promise<void> {
  await unlessPassed(backend.commit([{ type: "delete", path: node.path, ifVersion: undefined }], node));
}

/** Removes the node at `path` if this session made it. May be repeated. */
export async function removeOwn(backend: BackendSession, path: string): Promise<void> {
  const node = await backend.get(path, { linearizable: true });
  if (node?.ephemeralOwner === backend.id) await removeNode(backend, node);
}
