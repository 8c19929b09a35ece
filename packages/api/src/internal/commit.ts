import type { Guard, Operation, OperationResult } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import type { LiveSession } from "./live-session.js";

/** Commits operations in a session, under a guard if there is one. Rejects with `UNSUPPORTED`, before any I/O, what the backend declares it lacks. */
export function commit(
  live: LiveSession,
  operations: readonly Operation[],
  guard: Guard | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly OperationResult[]> {
  if (operations.length > 1 && !live.capabilities.transactions) {
    return Promise.reject(
      new ConclaveError("UNSUPPORTED", "this backend has no transactions: commit one operation at a time"),
    );
  }
  return live.once((backend) => backend.commit(operations, guard), signal);
}
