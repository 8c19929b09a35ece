import type { Backend, Clock } from "@conclave/api/backend";
import type { HoldKind } from "./process/holds.js";

/**
 * What the suite runs against: a store that is up, and ways to reach it and to hurt it. Only `client` is required; a fault that
 * a set-up cannot inject is left out, and the report then says "not proven here" of the clauses that need it.
 */
export interface ConformanceTarget {
  /** Names the target in titles and in the report: `"memory"`, `"etcd 3.4.23"`. */
  readonly name: string;
  /** The session timeout that the suite asks for. The shorter, the faster the suite. */
  readonly sessionTimeoutMs: number;
  /** How much later than the effective timeout the store may let ephemeral nodes of a lost session go (SES-6); documented by the backend. */
  readonly expiryBoundMs: number;
  /** The clock by which the suite waits. The same as the backends'. */
  readonly clock: Clock;
  /** A new client with its own connection to the store. */
  client(): Promise<TestClient>;
  /** A client in a process of its own, or one that can be stopped as if it were. */
  process?(namespace: string): Promise<TestProcess>;
  /** Makes the store end a session now. */
  expireSession?(session: { readonly id: string; readonly client: TestClient }): Promise<void>;
  /** Restarts the server with its data; resolves when it answers again. */
  restartServer?(): Promise<void>;
  /** Makes the store forget old revisions, where it has such a notion: watches must survive it (WATCH-4). */
  compact?(): Promise<void>;
  /** Writes a key below the node at `path` as another program would, under a name of its own: past the backend and its conventions (NODE-10). */
  writeForeign?(namespace: string, path: string, data: Uint8Array): Promise<void>;
  /** Ends what the target started. */
  stop(): Promise<void>;
}

/** One client's way to the store. */
export interface TestClient {
  readonly backend: Backend;
  readonly link?: LinkFaults;
  /** Frees the link; called after the coordinator was closed. */
  close(): Promise<void>;
}

/** Faults of one client's network. */
export interface LinkFaults {
  /** Breaks the connection; a new one can be made at once. */
  cut(): Promise<void>;
  /** Breaks the connection and refuses new ones until `heal`. */
  refuse(): Promise<void>;
  /** Holds everything silently until `heal`: in both directions, or only what the store sends. */
  blackHole(only?: "replies"): Promise<void>;
  /** The server's side of the connection is gone and nobody tells the client; new connections work. */
  halfOpen?(): Promise<void>;
  heal(): Promise<void>;
  /**
   * Lets the next request through (renewals and setting watches aside) and breaks the connection instead of delivering its
   * reply; the client may reconnect at once. Resolves once armed.
   */
  dropNextReply(): Promise<void>;
  /** Requests that reached the store through this link so far, renewals and setting watches left out, if it can be told. */
  requests?(): number;
  /** Watch notifications that the store sent through this link so far, if it can be told. */
  notifications?(): number;
}

/** A client program under remote control, for faults that stop or kill a whole process. It has one coordinator. */
export interface TestProcess {
  /** Runs one command there and returns its result; see `TestCommand`. */
  run(command: TestCommand): Promise<TestReply>;
  /** Stops it as SIGSTOP does: nothing runs in it, its connections stay open. */
  pause(): Promise<void>;
  /** Lets it go on as SIGCONT does. */
  resume(): Promise<void>;
  /** Ends it as SIGKILL does: at once, telling nobody. Idempotent. */
  kill(): Promise<void>;
  /** Resolves when it has ended by itself, after its coordinator was closed and it was told nothing more (SES-10). */
  exit?(): Promise<void>;
}

export type TestCommand =
  /** Opens the coordinator. */
  | { readonly type: "connect"; readonly sessionTimeoutMs: number }
  | { readonly type: "create"; readonly path: string; readonly data: string; readonly ephemeral: boolean }
  | { readonly type: "set"; readonly path: string; readonly data: string }
  /** Waits for its turn to lead, or to have a lock, and answers once it has. */
  | { readonly type: "hold"; readonly kind: HoldKind; readonly path: string }
  /** Sets a node through the hold. */
  | { readonly type: "guardedSet"; readonly path: string; readonly data: string }
  /** Acknowledges the task that it holds. */
  | { readonly type: "acknowledge" }
  /** Keeps its only thread busy for so long: no timer fires, nothing is received. */
  | { readonly type: "block"; readonly ms: number }
  /** The session's state, and everything seen so far of it. */
  | { readonly type: "state" }
  /** Closes the coordinator. */
  | { readonly type: "close" };

export interface TestReply {
  /** `undefined` when it went well, else the code of the error. */
  readonly error: string | undefined;
  readonly outcome: string | undefined;
  readonly sessionId: string | undefined;
  /** The session's state now. */
  readonly state: string | undefined;
  readonly token: string | undefined;
  /** The session's states seen so far, in order. */
  readonly states: readonly string[];
}
