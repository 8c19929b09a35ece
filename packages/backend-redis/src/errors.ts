import { ConclaveError, type ErrorDetails, type Outcome } from "@conclave/api/backend";

/** What a server says that cannot serve now, and that another one, or the same one later, can. None of these was applied. */
const ELSEWHERE_OR_LATER: ReadonlySet<string> = new Set([
  ...["READONLY", "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT"],
  ...["NOREPLICAS", "UNBLOCKED"],
]);
const DENIED: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS", "NOPERM"]);

const MEANING: Readonly<Record<string, string>> = {
  READONLY: "this server is a read-only replica",
  LOADING: "the server is loading its data",
  BUSY: "the server is busy with a script",
  MASTERDOWN: "the replica has lost its master",
  CLUSTERDOWN: "the cluster does not serve this namespace",
  OOM: "the server's memory is full (maxmemory)",
  MISCONF: "the server cannot persist, and refuses writes",
  NOREPLICAS: "the server has too few replicas to accept writes",
};

/** The code that an error reply begins with; `undefined` if the error is no reply of the server. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "ReplyError") return undefined;
  const [code = ""] = error.message.split(" ", 1);
  if (code !== "ERR") return code.replace(/^-/, "");
  // Redis 6.2 puts an error within a script behind the place in the script.
  return /@user_script: ?\d+: -?([A-Z]+) /.exec(error.message)?.[1] ?? code;
}

/** An error without the command that it answers: its arguments are data, or a password. */
export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error && "command" in error) delete error.command;
  return error;
}

/** Whether contact is as good as lost: this server will not serve the next call either. */
export function isUnserved(error: unknown): boolean {
  return ELSEWHERE_OR_LATER.has(replyCode(error) ?? "");
}

export function isNoScript(error: unknown): boolean {
  return replyCode(error) === "NOSCRIPT";
}

/** Turns an error that the server replied into a `ConclaveError`. `base` is where the namespace keeps its keys. */
export function fromReply(error: Error, base: string): ConclaveError {
  const code = replyCode(error) ?? "ERR";
  if (ELSEWHERE_OR_LATER.has(code)) return connectionLost("not-applied", error);
  if (DENIED.has(code))
    return new ConclaveError("ACCESS_DENIED", `redis: ${saidOf(error)}`, { cause: error });
  if (code === "WRONGTYPE") {
    return storeError(`A key that begins with ${base} holds what another program put there`, {
      cause: error,
    });
  }
  const outcome: Outcome = code === "ERR" ? "unknown" : "not-applied";
  return storeError(`redis: ${MEANING[code] ?? saidOf(error)} (${code})`, { cause: error, outcome });
}

export function connectionLost(outcome: Outcome, cause: unknown): ConclaveError {
  const what =
    outcome === "unknown" ? "Contact with Redis broke during the call" : "There is no contact with Redis";
  return new ConclaveError("CONNECTION_LOST", `${what}: ${reasonOf(cause)}`, { outcome, cause });
}

export function sessionLost(cause?: unknown): ConclaveError {
  return new ConclaveError("SESSION_LOST", "Redis says that the session is over", { cause });
}

export function storeError(message: string, details: ErrorDetails = {}): ConclaveError {
  return new ConclaveError("STORE_ERROR", message, details);
}

/** A server that must not be used, or that is not the one asked for. */
export function unfit(message: string): Error {
  return new Error(message);
}

/** Why contact failed, in a few words, without the host. */
export function reasonOf(error: unknown): string {
  if (ConclaveError.is(error, "STORE_ERROR")) return error.message;
  if (ConclaveError.is(error) && error.cause !== undefined) return reasonOf(error.cause);
  const code = replyCode(error);
  if (code !== undefined && code in MEANING) return `${MEANING[code]} (${code})`;
  if (!(error instanceof Error)) return String(error);
  return code === undefined ? error.message : saidOf(error);
}

/** The message without the script's address. It never has credentials: Redis does not repeat them. */
function saidOf(error: Error): string {
  return error.message.replace(/ script: [0-9a-f]{40}.*$/, "");
}
