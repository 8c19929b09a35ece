import { ConclaveError, type ErrorDetails } from "@conclave/api/backend";
import { type GrpcError, isGrpcError, Status } from "./grpc.js";

/*
 * etcd gives several of its errors the same gRPC status; what tells these apart is the text, which is part of its
 * interface: https://github.com/etcd-io/etcd/blob/v3.4.23/etcdserver/api/v3rpc/rpctypes/error.go
 */
const AUTH_FAILED = "etcdserver: authentication failed, invalid user ID or password";
const USER_EMPTY = "etcdserver: user name is empty";
const AUTH_OLD_REVISION = "etcdserver: revision of auth store is old";
const AUTH_NOT_ENABLED = "etcdserver: authentication is not enabled";
const REQUEST_TOO_LARGE = "etcdserver: request is too large";
const SERVER_PERMISSION_DENIED = "etcdserver: permission denied";
const INVALID_TOKEN = "etcdserver: invalid auth token";

/** Turns what a call failed with into a `ConclaveError`. The request had been handed to the network. */
export function fromCall(error: unknown): ConclaveError {
  if (ConclaveError.is(error)) return error;
  if (!isGrpcError(error)) return storeError("etcd: the call failed", { cause: error, outcome: "unknown" });
  const said = `etcd: ${error.details}`;
  switch (error.code) {
    case Status.UNAVAILABLE:
    case Status.CANCELLED:
    case Status.DEADLINE_EXCEEDED:
    case Status.INTERNAL:
      return connectionLost("unknown", error);
    case Status.NOT_FOUND:
      return sessionLost(error);
    case Status.PERMISSION_DENIED:
    case Status.UNAUTHENTICATED:
      return new ConclaveError("ACCESS_DENIED", said, { cause: error });
    case Status.INVALID_ARGUMENT:
      return fromInvalidArgument(error, said);
    case Status.RESOURCE_EXHAUSTED:
    case Status.FAILED_PRECONDITION:
    case Status.OUT_OF_RANGE:
    case Status.UNIMPLEMENTED:
      return storeError(said, { cause: error });
    default:
      return storeError(said, { cause: error, outcome: "unknown" });
  }
}

function fromInvalidArgument(error: GrpcError, said: string): ConclaveError {
  switch (error.details) {
    case AUTH_FAILED:
    case USER_EMPTY:
    case AUTH_OLD_REVISION:
      return new ConclaveError("ACCESS_DENIED", said, { cause: error });
    case REQUEST_TOO_LARGE:
      return new ConclaveError("DATA_TOO_LARGE", said, { cause: error });
    default:
      return storeError(said, { cause: error });
  }
}

/** The server refused the token, not the user: a new token may do. */
export function isStaleToken(error: unknown): boolean {
  if (!isGrpcError(error)) return false;
  return error.code === Status.UNAUTHENTICATED || error.details === AUTH_OLD_REVISION;
}

export function isAuthNotEnabled(error: unknown): boolean {
  return isGrpcError(error) && error.details === AUTH_NOT_ENABLED;
}

/** The revision that was asked for is forgotten. */
export function isCompacted(error: unknown): boolean {
  return error instanceof Error && isGrpcError(error.cause) && error.cause.code === Status.OUT_OF_RANGE;
}

/** Whether a watch was refused for lack of access; the response has no code, only this reason. */
export function isAccessReason(reason: string): boolean {
  const reasons = [SERVER_PERMISSION_DENIED, USER_EMPTY, INVALID_TOKEN, AUTH_OLD_REVISION];
  return reasons.some((known) => reason.includes(known));
}

export function accessDenied(host: string, error: ConclaveError): ConclaveError {
  return new ConclaveError("ACCESS_DENIED", `${host}: ${error.message}`, { cause: error });
}

/** What tells, in an `UNAVAILABLE`, that nothing listens there, or that it is etcd. */
const SAYS_WHY =
  /^etcdserver: |^Name resolution failed|\bE(?:CONNREFUSED|NOTFOUND|TIMEDOUT|HOSTUNREACH|NETUNREACH)\b/;

/** Why a session could not be opened, in a few words, for a message that names the host itself. */
export function reasonOf(error: unknown): string {
  const cause = ConclaveError.is(error, "CONNECTION_LOST") && error.cause !== undefined ? error.cause : error;
  if (!isGrpcError(cause) || cause.code !== Status.UNAVAILABLE) return describe(cause);
  // What gRPC says of a connection that it could not make, without its own introduction and the time of day.
  const reason = cause.details
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/\s*Resolution note:.*$/, "")
    .replace(/\.?\s*\(\d{4}-[^)]*\)\.?$/, "")
    .replace(/\.$/, "");
  if (SAYS_WHY.test(reason)) return reason;
  const foreign = "something answers there, but not as etcd does (or TLS does not match)";
  return reason === "Failed to connect" ? foreign : `${foreign}: ${reason}`;
}

function describe(error: unknown): string {
  if (isGrpcError(error)) {
    const details = error.details.replace(/\s*Resolution note:\s*$/, "");
    return error.code === Status.UNIMPLEMENTED ? `this is not etcd v3 (${details})` : details;
  }
  return error instanceof Error ? error.message : String(error);
}

export function connectionLost(outcome: "not-applied" | "unknown", cause: unknown): ConclaveError {
  const what =
    outcome === "unknown" ? "Contact with etcd broke during the call" : "There is no contact with etcd";
  return new ConclaveError("CONNECTION_LOST", `${what}: ${describe(cause)}`, { outcome, cause });
}

export function sessionLost(cause?: unknown): ConclaveError {
  return new ConclaveError("SESSION_LOST", "etcd says that the session is over", { cause });
}

export function storeError(message: string, details: ErrorDetails = {}): ConclaveError {
  return new ConclaveError("STORE_ERROR", message, details);
}
