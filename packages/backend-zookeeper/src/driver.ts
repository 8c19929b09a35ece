/*
 * What the backend needs of a ZooKeeper client: one connection to one server at a time. Everything that spans
 * connections (reconnecting, setting watches again, resolving lost replies) is done once, above, for every driver.
 * A driver that can do more (multi, create with stat, persistent watches) will offer it as optional methods here.
 */

/** The id and password under which a session is taken up again on another connection, in hex. */
export interface SessionKey {
  readonly id: string;
  readonly password: string;
}

export interface GrantedSession extends SessionKey {
  readonly timeoutMs: number;
}

/** Credentials as ZooKeeper takes them, for example `digest` and `user:password`. */
export interface Auth {
  readonly scheme: string;
  readonly auth: string;
}

export interface Host {
  readonly host: string;
  readonly port: number;
}

export interface Stat {
  /** `dataVersion`. */
  readonly version: number;
  readonly czxid: bigint;
  readonly mzxid: bigint;
  /** Session id in hex; `undefined` for a persistent node. */
  readonly ephemeralOwner: string | undefined;
}

export interface NodeData {
  readonly data: Uint8Array;
  readonly stat: Stat;
}

/** `"data"`: creation, change and deletion of the node. `"children"`: of its list of children, and its own deletion. */
export type WatchKind = "data" | "children";

export interface WatchOption {
  /**
   * Have a one-shot watch stand from this read on. One that stands already is used; it counts as standing only if
   * the read found the node, except for `exists`.
   */
  readonly watch: boolean;
}

export interface CreateRequest {
  readonly path: string;
  readonly data: Uint8Array;
  readonly ephemeral: boolean;
  readonly sequential: boolean;
}

export interface ConnectionObserver {
  /** A watch fired, and no longer stands. Reported before the reply of any read that sees the change. */
  fired(kind: WatchKind, path: string): void;
  /** The connection is over, once, after `connect` has resolved. */
  closed(cause: unknown): void;
}

export interface ConnectOptions extends Host {
  readonly sessionTimeoutMs: number;
  /** The session to take up again; `undefined` for a new one. */
  readonly resume: SessionKey | undefined;
  readonly auth: readonly Auth[];
  /** Bounds the attempt. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly observer: ConnectionObserver;
}

export interface Driver {
  /**
   * Makes one attempt at one server. Rejects with a `ZooKeeperError` when the server gave a code (session expired,
   * authentication failed), else with an `Error` whose message says why. Leaves nothing behind when it rejects.
   */
  connect(options: ConnectOptions): Promise<Connection>;
}

/**
 * One connection. Requests take effect in the order of the calls. Methods reject with `ZooKeeperError`; after the
 * end of the connection with `sent: false`.
 */
export interface Connection {
  readonly session: GrantedSession;
  /** The latest transaction that any reply so far has reflected. */
  readonly lastZxid: bigint;
  exists(path: string, options: WatchOption): Promise<Stat | undefined>;
  get(path: string, options: WatchOption): Promise<NodeData | undefined>;
  /** `undefined` when the node does not exist. */
  children(path: string, options: WatchOption): Promise<readonly string[] | undefined>;
  /** Resolves with the path of the new node. */
  create(request: CreateRequest): Promise<string>;
  /** `version` -1 for any. */
  set(path: string, data: Uint8Array, version: number): Promise<Stat>;
  delete(path: string, version: number): Promise<void>;
  /** Makes the server catch up with the leader before it answers what is asked after this call. */
  sync(path: string): Promise<void>;
  /** Ends the session at the server, and the connection. */
  closeSession(timeoutMs: number): Promise<void>;
  /** Ends the connection without a word to the server, which keeps the session until it times out. */
  drop(cause: unknown): void;
}
