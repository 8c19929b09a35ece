import { ConclaveError } from "@conclave/api/backend";
import { vi } from "vitest";

/** What the call is rejected with. */
export async function errorOf(call: Promise<unknown>): Promise<ConclaveError> {
  const error = await call.then(
    (value) => new Error(`resolved with ${String(value)}`),
    (failure: unknown) => failure,
  );
  if (!ConclaveError.is(error)) throw error;
  return error;
}

/** Until the condition holds; a condition that throws does not hold yet. */
export function eventually(condition: () => unknown, timeoutMs = 10_000): Promise<unknown> {
  return vi.waitFor(condition, { timeout: timeoutMs, interval: 10 });
}
