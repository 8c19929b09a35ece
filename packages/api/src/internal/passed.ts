import { ConclaveError, type ErrorCode } from "../errors.js";

const codes: readonly ErrorCode[] = ["NO_NODE", "BAD_VERSION", "NOT_HELD"];

/** Whether a write was refused because its node is no longer the one that was read. */
export function hasPassed(error: unknown): boolean {
  return codes.some((code) => ConclaveError.is(error, code));
}
