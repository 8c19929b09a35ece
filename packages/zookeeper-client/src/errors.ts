import { type CodeName, codeName } from "./codes.js";

/** The server answered a request with a code. Nothing of the request took effect. */
export class ZooKeeperError extends Error {
  override readonly name = "ZooKeeperError";
  /** ZooKeeper's own name, for example `"NONODE"`. */
  readonly code: CodeName | "UNKNOWN";
  /** The code on the wire, for example -101. */
  readonly number: number;
  readonly path: string | undefined;
  /** In a `multi`: the index of the operation that failed. */
  readonly operation: number | undefined;

  constructor(number: number, path?: string, operation?: number, message?: string) {
    const at = path === undefined ? "" : ` at ${path}`;
    const of = operation === undefined ? "" : `, operation ${operation}`;
    super(message ?? `ZooKeeper answered ${codeName(number)} (${number})${at}${of}`);
    this.code = codeName(number);
    this.number = number;
    this.path = path;
    this.operation = operation;
  }

  static is(error: unknown, code?: CodeName): error is ZooKeeperError {
    return error instanceof ZooKeeperError && (code === undefined || error.code === code);
  }
}

export type ConnectionErrorCode =
  /** No connection came about; the cause says why. */
  | "CONNECT_FAILED"
  /** The connection broke, or was dropped by this side. */
  | "CONNECTION_LOST"
  /** The server was silent for too long. */
  | "NO_ANSWER"
  /** The server sent something that is not ZooKeeper's protocol. */
  | "BAD_PACKET"
  /** Too much is queued already. */
  | "QUEUE_FULL"
  /** The session was closed by this side, or is being closed. */
  | "CLOSED";

/** `"not-sent"`: the request certainly had no effect. `"unknown"`: it was handed to the network, and no reply came. */
export type Outcome = "not-sent" | "unknown";

export interface ConnectionErrorOptions {
  readonly outcome?: Outcome;
  readonly path?: string | undefined;
  readonly cause?: unknown;
}

/** There is no connection, or none any more. Carries no credentials. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: ConnectionErrorCode;
  readonly outcome: Outcome;
  readonly path: string | undefined;

  constructor(code: ConnectionErrorCode, message: string, options: ConnectionErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.outcome = options.outcome ?? "not-sent";
    this.path = options.path;
  }

  static is(error: unknown, code?: ConnectionErrorCode): error is ConnectionError {
    return error instanceof ConnectionError && (code === undefined || error.code === code);
  }
}

export function badPacket(what: string): ConnectionError {
  return new ConnectionError("BAD_PACKET", `not ZooKeeper's protocol: ${what}`);
}

/** An option or argument that can't be right. Nothing was sent. */
export function badArgument(what: string): TypeError {
  return new TypeError(`zookeeper-client: ${what}`);
}
