import type { CreateOperation, Guard, Node } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import { ConclaveError, type ErrorCode } from "../errors.js";
import type { LiveSession } from "./live-session.js";

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

/** Makes an ephemeral node; false when another's stands in its place. Once a reply was lost, only `readOwn` tells whose does (OUT-3). */
export function makeOwn(live: LiveSession, create: CreateOperation): Promise<boolean> {
  let isRepeated = false;
  return live.idempotent(async (backend) => {
    const mayBeOurs = isRepeated;
    isRepeated = true;
    try {
      await backend.commit([create], undefined);
      return true;
    } catch (error) {
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
      return mayBeOurs;
    }
  });
}

/** Reads a node that this session made; `undefined` when it is gone, or another stands in its place. */
export async function readOwn(
  backend: BackendSession,
  { path, data }: CreateOperation,
): Promise<Node | undefined> {
  const node = await backend.get(path, { linearizable: false });
  const isOurs = node?.ephemeralOwner === backend.id && Buffer.compare(node.data, data) === 0;
  return isOurs ? node : undefined;
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
