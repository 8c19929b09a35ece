/**
 * The closed set of error codes. Each says what was wrong, never how a store words it.
 *
 * - `INVALID_PATH`, `INVALID_ARGUMENT`, `DATA_TOO_LARGE`: the call was wrong; nothing was sent.
 * - `UNSUPPORTED`: the backend declares that it cannot do this; nothing was sent.
 * - `NO_NODE`, `NODE_EXISTS`, `BAD_VERSION`, `NOT_EMPTY`, `EPHEMERAL_PARENT`: the store refused; nothing changed.
 * - `INVALID_DATA`: what is stored there is not what a recipe keeps there; nothing changed.
 * - `NOT_HELD`: a guarded write, or a hold, of somebody who no longer leads or holds; nothing changed.
 * - `SESSION_LOST`: the session is over and stays so. `CLOSED`: you closed it.
 * - `CONNECTION_LOST`: contact broke off during the call; see `outcome`.
 * - `CONNECT_FAILED`: no session could be opened. `ACCESS_DENIED`: the store refused the credentials or the access.
 * - `ABORTED`: your signal. `TIMEOUT`: your `timeoutMs`.
 * - `STORE_ERROR`: the store failed in a way that no other code describes; see `cause`.
 */
export type ErrorCode =
  | "INVALID_PATH"
  | "INVALID_ARGUMENT"
  | "DATA_TOO_LARGE"
  | "UNSUPPORTED"
  | "NO_NODE"
  | "NODE_EXISTS"
  | "BAD_VERSION"
  | "NOT_EMPTY"
  | "EPHEMERAL_PARENT"
  | "INVALID_DATA"
  | "NOT_HELD"
  | "SESSION_LOST"
  | "CLOSED"
  | "CONNECTION_LOST"
  | "CONNECT_FAILED"
  | "ACCESS_DENIED"
  | "ABORTED"
  | "TIMEOUT"
  | "STORE_ERROR";

/** Whether the operation certainly did not happen, or whether nobody on this side can know (OUT-1). */
export type Outcome = "not-applied" | "unknown";

export interface ErrorDetails {
  /** Default `"not-applied"`. */
  readonly outcome?: Outcome | undefined;
  readonly path?: string | undefined;
  /** Index of the operation of a transaction that failed. */
  readonly operation?: number | undefined;
  readonly cause?: unknown;
}

const brand: unique symbol = Symbol.for("conclave.error") as never;

/** Codes after which the same call may succeed later, unchanged. */
const retryableCodes: ReadonlySet<ErrorCode> = new Set(["CONNECTION_LOST", "CONNECT_FAILED", "TIMEOUT"]);

/**
 * The one error class of Conclave.
 *
 * `code` is stable, the message is for people. `outcome` says whether the operation may have happened.
 * Recognise it with `ConclaveError.is(error)`, which also works across duplicate copies of this package.
 */
export class ConclaveError extends Error {
  override readonly name = "ConclaveError";
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly path: string | undefined;
  readonly operation: number | undefined;
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.outcome = details.outcome ?? "not-applied";
    this.path = details.path;
    this.operation = details.operation;
  }

  /** True when repeating the same call later may help, and repeating it is safe only if `outcome` is `"not-applied"` or the call is idempotent. */
  get retryable(): boolean {
    return retryableCodes.has(this.code);
  }

  /** Whether `error` is a `ConclaveError`, of this copy of the package or another; with `code`, of that code. */
  static is(error: unknown, code?: ErrorCode): error is ConclaveError {
    return (
      typeof error === "object" &&
      error !== null &&
      brand in error &&
      (code === undefined || (error as ConclaveError).code === code)
    );
  }
}
