import { deepStrictEqual, fail, ok } from "node:assert";
import { ConclaveError, type ErrorCode, type Outcome } from "@conclave/api";

/** Waits for a rejection with a `ConclaveError` of this code, and returns it. */
export async function rejects(
  promise: Promise<unknown>,
  code: ErrorCode | readonly ErrorCode[],
  outcome?: Outcome,
): Promise<ConclaveError> {
  const codes = typeof code === "string" ? [code] : code;
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (!ConclaveError.is(error)) {
      const message = `expected ${codes.join(" or ")}, got what is no ConclaveError: ${String(error)}`;
      throw new Error(message, { cause: error });
    }
    ok(codes.includes(error.code), `expected ${codes.join(" or ")}, got ${error.code}: ${error.message}`);
    if (outcome !== undefined) deepStrictEqual(error.outcome, outcome, `outcome of ${error.message}`);
    return error;
  }
  return fail(`expected ${codes.join(" or ")}, but it resolved with ${String(value)}`);
}

/** `data` as text. */
export function text(data: Uint8Array | undefined): string | undefined {
  return data === undefined ? undefined : new TextDecoder().decode(data);
}
