import { ConclaveError, type ErrorCode, type ErrorDetails } from "@conclave/api/backend";

/** Codes of ZooKeeper's protocol and of its C client, by their names there. */
export const Code = {
  RUNTIMEINCONSISTENCY: -2,
  CONNECTIONLOSS: -4,
  MARSHALLINGERROR: -5,
  OPERATIONTIMEOUT: -7,
  BADARGUMENTS: -8,
  INVALIDSTATE: -9,
  NONODE: -101,
  NOAUTH: -102,
  BADVERSION: -103,
  NOCHILDRENFOREPHEMERALS: -108,
  NODEEXISTS: -110,
  NOTEMPTY: -111,
  SESSIONEXPIRED: -112,
  INVALIDACL: -114,
  AUTHFAILED: -115,
  CLOSING: -116,
  SESSIONMOVED: -118,
} as const;

const names = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

export interface ZooKeeperErrorOptions {
  readonly sent: boolean;
  readonly message?: string;
  readonly operation?: number | undefined;
  readonly cause?: unknown;
}

/** What a driver rejects with: a code, and whether the request may have reached the server. */
export class ZooKeeperError extends Error {
  override readonly name = "ZooKeeperError";
  readonly code: number;
  readonly sent: boolean;
  /** Of a `multi`: the index of the operation that failed. */
  readonly operation: number | undefined;

  constructor(code: number, options: ZooKeeperErrorOptions) {
    const text = options.message ?? `ZooKeeper answered ${names.get(code) ?? "with an unknown code"}`;
    super(`${text} (${code})`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.sent = options.sent;
    this.operation = options.operation;
  }

  static of(error: unknown): ZooKeeperError | undefined {
    return error instanceof ZooKeeperError ? error : undefined;
  }

  static is(error: unknown, code: number): error is ZooKeeperError {
    return error instanceof ZooKeeperError && error.code === code;
  }
}

/** Codes after which contact with the server is gone and a request that was sent may have taken effect. */
export function isContactLost(error: unknown): boolean {
  return (
    error instanceof ZooKeeperError &&
    (error.code === Code.RUNTIMEINCONSISTENCY ||
      error.code === Code.CONNECTIONLOSS ||
      error.code === Code.OPERATIONTIMEOUT ||
      error.code === Code.INVALIDSTATE ||
      error.code === Code.CLOSING ||
      error.code === Code.SESSIONMOVED)
  );
}

/** Whether a request may have taken effect although nothing but the loss of contact came back. */
export function isOutcomeUnknown(error: unknown): boolean {
  // SESSIONMOVED: the server checks that the session is still its own before it applies anything.
  return (
    isContactLost(error) && error instanceof ZooKeeperError && error.sent && error.code !== Code.SESSIONMOVED
  );
}

/** The one place where ZooKeeper's codes become Conclave's. `path` is the caller's, without the namespace. */
export function toConclaveError(error: unknown, path: string, details: ErrorDetails = {}): ConclaveError {
  if (ConclaveError.is(error)) return error;
  const fail = (code: ErrorCode, message: string, more: ErrorDetails = {}) =>
    new ConclaveError(code, message, { path, cause: error, ...more, ...details });
  if (!(error instanceof ZooKeeperError)) {
    return fail("STORE_ERROR", `ZooKeeper's client failed at ${path}`, { outcome: "unknown" });
  }
  if (isContactLost(error)) {
    const outcome = isOutcomeUnknown(error) ? "unknown" : "not-applied";
    return fail("CONNECTION_LOST", `the connection to ZooKeeper broke during an operation on ${path}`, {
      outcome,
    });
  }
  switch (error.code) {
    case Code.NONODE:
      return fail("NO_NODE", `${path} does not exist`);
    case Code.NODEEXISTS:
      return fail("NODE_EXISTS", `${path} exists already`);
    case Code.BADVERSION:
      return fail("BAD_VERSION", `${path} has another version`);
    case Code.NOTEMPTY:
      return fail("NOT_EMPTY", `${path} has children`);
    case Code.NOCHILDRENFOREPHEMERALS:
      return fail("EPHEMERAL_PARENT", `the parent of ${path} is ephemeral and can't have children`);
    case Code.NOAUTH:
      return fail("ACCESS_DENIED", `ZooKeeper denies access to ${path}`);
    case Code.AUTHFAILED:
      return fail("ACCESS_DENIED", "ZooKeeper refused the credentials");
    case Code.INVALIDACL:
      return fail(
        "ACCESS_DENIED",
        "ZooKeeper takes the access control list from nobody with these credentials",
      );
    case Code.SESSIONEXPIRED:
      return fail("SESSION_LOST", "ZooKeeper says that the session is over");
    case Code.BADARGUMENTS:
      return fail("INVALID_ARGUMENT", `ZooKeeper's client refuses the path ${path}`);
    default:
      return fail("STORE_ERROR", `ZooKeeper failed with code ${error.code} at ${path}`, {
        outcome: "unknown",
      });
  }
}

/** What went wrong, in a few words, for a message that names the server itself. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ECONNRESET":
      return "connection reset";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "host name not found";
    default:
      return code ?? error.message;
  }
}
