import type { ConnectionOptions } from "node:tls";

/*
 * What the backend needs of a ZooKeeper client: one connection to one server at a time. Everything that spans
 * connections (reconnecting, setting watches again, resolving lost replies) is done once, above, for every driver.
 * What only some drivers can do is optional here (`multi`, `acknowledgedMs`, the stat of what was created).
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
  /** Of the latest change of its list of children. */
  readonly pzxid: bigint;
  /** Session id in hex; `undefined` for a persistent node. */
  readonly ephemeralOwner: string | undefined;
}

export interface NodeData {
  readonly data: Uint8Array;
  readonly stat: Stat;
}

/** `"data"`: creation, change and deletion of the node. `"children"`: of its list of children, and its own deletion. */
export type WatchKind = "data" | "children";

/** What a watch on a directory reports. */
export interface DirectoryEvent {
  readonly type: "created" | "changed" | "deleted";
  /** Of the child; `undefined` for the directory itself. */
  readonly name: string | undefined;
}

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

/** A node that was just made. */
export interface Created {
  readonly path: string;
  /** `undefined` where the driver is not told. */
  readonly stat: Stat | undefined;
}

/** One of those that take effect together, or none. `version` -1 for any. */
export type MultiOperation =
  | ({ readonly type: "create" } & CreateRequest)
  | { readonly type: "set"; readonly path: string; readonly data: Uint8Array; readonly version: number }
  | { readonly type: "delete"; readonly path: string; readonly version: number }
  | { readonly type: "check"; readonly path: string; readonly version: number };

export type MultiResult =
  | { readonly type: "create"; readonly path: string }
  | { readonly type: "set"; readonly stat: Stat }
  | { readonly type: "delete" }
  | { readonly type: "check" };

/** One entry of an access control list, as ZooKeeper has them. */
export interface AclEntry {
  /** 1 read, 2 write, 4 create, 8 delete, 16 administer; their sum. */
  readonly permissions: number;
  /** For example `"digest"`. */
  readonly scheme: string;
  /** For example `"user:"` and the hash of its password. */
  readonly id: string;
}

/** Who a client says to be, proved by SASL's mechanism DIGEST-MD5. */
export interface Sasl {
  readonly mechanism: "DIGEST-MD5";
  readonly username: string;
  readonly password: string;
}

/** Options of Node's `tls.connect`: `ca`, `cert`, `key`, `passphrase`, `servername`, `rejectUnauthorized` and so on. */
export type Tls = Omit<ConnectionOptions, "host" | "port" | "path" | "socket" | "timeout">;

/** How connections are made secure, beyond `auth`. Only some drivers know how. */
export interface Security {
  readonly tls: Tls | undefined;
  readonly sasl: Sasl | undefined;
  /** Of all nodes that are created; `undefined`: open to all. */
  readonly acl: readonly AclEntry[] | undefined;
}

export interface ConnectionObserver {
  /** A watch fired, and no longer stands. Reported before the reply of any read that sees the change. */
  fired(kind: WatchKind, path: string): void;
  /** Of a watch on a directory, which goes on standing. Reported before the reply of any read that sees it. */
  happened(directory: string, event: DirectoryEvent): void;
  /** The connection is over, once, after `connect` has resolved. */
  closed(cause: unknown): void;
}

export interface ConnectOptions extends Host {
  readonly sessionTimeoutMs: number;
  /** The session to take up again; `undefined` for a new one. */
  readonly resume: SessionKey | undefined;
  readonly auth: readonly Auth[];
  readonly security: Security;
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
  /**
   * Has the creation, the change of data and the deletion of a node and of its children reported, one by one, whether or
   * not it exists, from before anything is read that is asked for after this call. Resolves with whether the server can do
   * that; one that can't may end the connection. Meanwhile a one-shot watch may be set on data of the same path, not on children.
   */
  watchDirectory?(path: string): Promise<boolean>;
  /** Ends a watch at the server, if it stands. Not while a read with a watch of this kind on this path is under way. */
  unwatch?(kind: WatchKind | "directory", path: string): void;
  create(request: CreateRequest): Promise<Created>;
  /** `version` -1 for any. */
  set(path: string, data: Uint8Array, version: number): Promise<Stat>;
  delete(path: string, version: number): Promise<void>;
  /** All or nothing. The error tells which operation failed. `undefined` where the driver lacks it. */
  readonly multi: ((operations: readonly MultiOperation[]) => Promise<readonly MultiResult[]>) | undefined;
  /**
   * When what the server has answered last was sent, by the monotonic clock; requests and pings count. `undefined` where the
   * driver does not tell.
   */
  readonly acknowledgedMs: number | undefined;
  /** Makes the server catch up with the leader before it answers what is asked after this call. */
  sync(path: string): Promise<void>;
  /** Ends the session at the server, and the connection. */
  closeSession(timeoutMs: number): Promise<void>;
  /** Ends the connection without a word to the server, which keeps the session until it times out. */
  drop(cause: unknown): void;
}
