import { ConclaveError, type CreateOperation, type Guard, type Operation } from "@conclave/api/backend";
import { diagnose, missingAncestors } from "./diagnose.js";
import { parentOf } from "./keys.js";
import type { Owner } from "./plan.js";
import type { Snapshot } from "./snapshot.js";

/** Attempts to make ancestors that others make and delete at the same time: each failure is somebody's progress. */
export const MAX_ATTEMPTS = 100;

export function isCreate(operation: Operation): operation is CreateOperation {
  return operation.type === "create";
}

export function emptyNode(path: string): CreateOperation {
  return {
    type: "create",
    path,
    data: new Uint8Array(),
    ephemeral: false,
    sequential: false,
    parents: false,
  };
}

/** What to do about a refused Txn: give up, or make ancestors that are missing. */
export function judge(
  snapshot: Snapshot,
  owner: Owner,
  operations: readonly Operation[],
  guard: Guard | undefined,
): { refusal: ConclaveError | undefined; makeable: readonly string[] } {
  const refusal = diagnose(snapshot, owner, operations, guard);
  const makeable = refusal?.code === "NO_NODE" ? makeableAncestors(operations, snapshot) : [];
  if (makeable.length === 0) return { refusal, makeable };
  // Ancestors may be refused themselves, below an ephemeral node; that error is the operation's that needs them.
  const deeper = diagnose(snapshot, owner, [...makeable.map(emptyNode), ...operations], guard);
  if (deeper === undefined) return { refusal: undefined, makeable };
  const { code, message, path, operation = 0 } = deeper;
  const index = Math.max(0, operation - makeable.length);
  return { refusal: new ConclaveError(code, message, { path, operation: index }), makeable };
}

/** Missing ancestors that the caller wants made, or that have to be there always: the root (NODE-1). */
function makeableAncestors(operations: readonly Operation[], snapshot: Snapshot): string[] {
  const makeable = new Set<string>();
  for (const create of operations.filter(isCreate)) {
    if (create.parents) for (const path of missingAncestors(snapshot, create.path)) makeable.add(path);
    else if (parentOf(create.path) === "/" && snapshot.node("/") === undefined) makeable.add("/");
  }
  return [...makeable];
}
