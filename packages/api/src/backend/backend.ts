import type { Clock } from "./clock.js";
import type { BackendSession } from "./session.js";

/** What a store can and cannot do. Declared, documented, and checked by the conformance suite either way. */
export interface Capabilities {
  /** Several operations in one atomic commit. When false, transactions reject with `UNSUPPORTED` before any I/O. */
  readonly transactions: boolean;
  /**
   * How a guarded write is refused. `"transaction"`: the store judges the guard and the write as one, so that no write of a former
   * holder takes effect once another may hold. `"session"`:
   * the store refuses it once the session has ended there; an entry that was deleted from outside while the session
   * lives is noticed by a read before the write, not atomically with it.
   */
  readonly guardedWrites: "transaction" | "session";
  /** `"strict"`: an acknowledged write is never taken back, so tokens never repeat. `"best-effort"`: a failover of the store may lose some. */
  readonly fencing: "strict" | "best-effort";
  /** Nodes and sessions outlive a restart of the server (SES-8). */
  readonly durable: boolean;
}

/** What a backend reports about a session without being asked. Facts only; what follows from them is decided above. */
export interface SessionObserver {
  /** Contact with the store broke. The backend goes on to reconnect by itself. */
  disconnected(cause: unknown): void;
  /** The store said that the session is over: of its own accord, or in answer to what nobody here awaits. May be told more than once. */
  ended(cause: unknown): void;
}

export interface OpenOptions {
  /** The subtree that is "/" to the caller: "/" or e.g. "/shop". The backend makes it when it is missing. */
  readonly namespace: string;
  readonly sessionTimeoutMs: number;
  /** How long the caller waits for a session, in all. One attempt should leave time for every host, and to report which failed. */
  readonly connectTimeoutMs: number;
  /** Aborts the attempt: `open` then rejects promptly and leaves nothing behind. */
  readonly signal: AbortSignal;
  readonly observer: SessionObserver;
}

/**
 * A store, as a value handed to `connect`. Holds configuration, not connections: each `open` makes a new session.
 *
 * `open` makes one attempt, over all configured hosts. It rejects with `CONNECT_FAILED` naming the host, the port and
 * what was wrong, or `ACCESS_DENIED`; never with credentials in the message. Once its signal aborts it rejects with anything.
 */
export interface Backend {
  /** Short, for messages and reports: `"memory"`, `"etcd"`. */
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly clock: Clock;
  open(options: OpenOptions): Promise<BackendSession>;
}
