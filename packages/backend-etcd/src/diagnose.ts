import { ConclaveError, type ErrorCode, type Guard, type Operation } from "@conclave/api/backend";
import { sessionLost } from "./errors.js";
import { nearAncestorsOf, parentOf } from "./keys.js";
import type { Owner } from "./plan.js";
import type { NodeFacts, Snapshot } from "./snapshot.js";

/** The root can be created too, when it is gone. */
const ABOVE_ROOT: NodeFacts = { version: 0, createRevision: 0n, lease: "0" };

/**
 * Runs the operations, in order, on what was read when a Txn's compares failed. Returns the error of the first that
 * the tree refuses; `undefined` when it refuses none.
 */
export function diagnose(
  snapshot: Snapshot,
  owner: Owner,
  operations: readonly Operation[],
  guard: Guard | undefined,
): ConclaveError | undefined {
  if (!snapshot.sessionAlive) return sessionLost();
  if (guard !== undefined) {
    const held = snapshot.node(guard.path);
    if (held?.createRevision !== guard.createRevision || held.lease !== owner.lease) {
      return new ConclaveError("NOT_HELD", `${guard.path} is not held any more`, { path: guard.path });
    }
  }
  const changed = new Map<string, NodeFacts | undefined>();
  const at = (path: string): NodeFacts | undefined =>
    changed.has(path) ? changed.get(path) : snapshot.node(path);

  for (const [index, operation] of operations.entries()) {
    const { path } = operation;
    const refuse = (code: ErrorCode, message: string, where = path): ConclaveError =>
      new ConclaveError(code, message, { path: where, operation: index });
    const node = at(path);
    if (operation.type === "create") {
      const parentPath = parentOf(path);
      const parent = path === "/" ? ABOVE_ROOT : at(parentPath);
      if (parent === undefined) return refuse("NO_NODE", `${parentPath} does not exist`, parentPath);
      if (node !== undefined) return refuse("NODE_EXISTS", `${path} exists`);
      if (parent.lease !== "0") return refuse("EPHEMERAL_PARENT", `${parentPath} is ephemeral`);
      const lease = operation.ephemeral ? owner.lease : "0";
      changed.set(path, { version: 0, createRevision: snapshot.revision, lease });
      continue;
    }
    if (operation.type === "check" && !operation.exists) {
      if (node !== undefined) return refuse("NODE_EXISTS", `${path} exists`);
      continue;
    }
    if (node === undefined) return refuse("NO_NODE", `${path} does not exist`);
    if (operation.ifVersion !== undefined && node.version !== operation.ifVersion) {
      return refuse("BAD_VERSION", `${path} has version ${node.version}, not ${operation.ifVersion}`);
    }
    if (operation.type === "set") changed.set(path, { ...node, version: node.version + 1 });
    if (operation.type === "delete") {
      if (hasChildren(path, snapshot, changed)) return refuse("NOT_EMPTY", `${path} has children`);
      changed.set(path, undefined);
    }
  }
  return undefined;
}

function hasChildren(
  path: string,
  snapshot: Snapshot,
  changed: ReadonlyMap<string, NodeFacts | undefined>,
): boolean {
  const prefix = path === "/" ? "/" : `${path}/`;
  const stays = (child: string): boolean => !(changed.has(child) && changed.get(child) === undefined);
  if (snapshot.below(path).some(stays)) return true;
  return [...changed].some(
    ([other, facts]) => facts !== undefined && other !== path && other.startsWith(prefix),
  );
}

/** The ancestors of `path` that are missing, from the top. The snapshot must have read them. */
export function missingAncestors(snapshot: Snapshot, path: string): string[] {
  return nearAncestorsOf(path).filter((ancestor) => snapshot.node(ancestor) === undefined);
}
