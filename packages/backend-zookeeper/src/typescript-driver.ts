import {
  type Connection as ClientConnection,
  ZooKeeperError as ClientError,
  type NodeData as ClientNodeData,
  type MultiOperation as ClientOperation,
  type MultiResult as ClientResult,
  type Stat as ClientStat,
  ConnectionError,
  type NodeChildren,
  openConnection,
} from "@conclave/zookeeper-client";
import type {
  AclEntry,
  Connection,
  Created,
  CreateRequest,
  Driver,
  GrantedSession,
  MultiOperation,
  MultiResult,
  NodeData,
  SessionKey,
  Stat,
  WatchKind,
  WatchOption,
} from "./driver.js";
import { Code, ZooKeeperError } from "./errors.js";
import { StandingWatches } from "./standing-watches.js";

/** To be refused for a full queue would look like a connection that is lost, and never comes again. */
const limits = {
  maxPendingRequests: Number.MAX_SAFE_INTEGER,
  maxQueuedBytes: Number.MAX_SAFE_INTEGER,
} as const;

/** A driver on `@conclave/zookeeper-client`, which speaks ZooKeeper's protocol itself. */
export const typescriptDriver: Driver = {
  async connect(options) {
    const watches = new StandingWatches(options.observer);
    const { tls, sasl, acl } = options.security;
    try {
      const connection = await openConnection({
        host: options.host,
        port: options.port,
        sessionTimeoutMs: options.sessionTimeoutMs,
        ...(options.resume === undefined ? {} : { resume: toClientKey(options.resume) }),
        auth: options.auth,
        ...(sasl === undefined ? {} : { sasl }),
        ...(tls === undefined ? {} : { tls }),
        timeoutMs: options.timeoutMs,
        signal: options.signal,
        limits,
        observer: {
          event: (event) => watches.event(event),
          closed: (cause) => options.observer.closed(cause),
        },
      });
      return new TypescriptConnection(connection, watches, acl);
    } catch (error) {
      throw connectFailure(error);
    }
  },
};

class TypescriptConnection implements Connection {
  readonly session: GrantedSession;
  readonly #connection: ClientConnection;
  readonly #watches: StandingWatches;
  readonly #acl: { readonly acl?: readonly AclEntry[] };

  constructor(connection: ClientConnection, watches: StandingWatches, acl: readonly AclEntry[] | undefined) {
    const { id, password, timeoutMs } = connection.session;
    this.session = { id: id.toString(16), password: password.toString("hex").toUpperCase(), timeoutMs };
    this.#connection = connection;
    this.#watches = watches;
    this.#acl = acl === undefined ? {} : { acl };
  }

  get lastZxid(): bigint {
    return this.#connection.lastZxid;
  }

  get acknowledgedMs(): number {
    return this.#connection.lastAckSentAtMs;
  }

  exists(path: string, { watch }: WatchOption): Promise<Stat | undefined> {
    const read = this.#connection.exists(path, this.#armed("data", path, watch, true));
    return read.then((stat) => (stat === undefined ? undefined : toStat(stat)), rethrow);
  }

  get(path: string, { watch }: WatchOption): Promise<NodeData | undefined> {
    return this.#connection.getData(path, this.#armed("data", path, watch, false)).then(toNodeData, absent);
  }

  children(path: string, { watch }: WatchOption): Promise<readonly string[] | undefined> {
    return this.#connection
      .getChildren(path, this.#armed("children", path, watch, false))
      .then(toNames, absent);
  }

  watchDirectory(path: string): Promise<boolean> {
    const standing = this.#watches.directory(path);
    if (standing !== undefined) return standing;
    // Nothing else tells which child it was. What it reports from further below is dropped.
    const added = this.#connection.addWatch(path, "persistent-recursive").then(
      () => true,
      (error: unknown) => {
        this.#watches.endDirectory(path, added);
        // Servers before 3.6; and those with `WatchManagerOptimized` as their `zookeeper.watchManagerName`, seen with 3.8.0.
        const lacking = ClientError.is(error, "UNIMPLEMENTED") || ClientError.is(error, "MARSHALLINGERROR");
        return lacking ? false : rethrow(error);
      },
    );
    this.#watches.setDirectory(path, added);
    return added;
  }

  unwatch(kind: WatchKind | "directory", path: string): void {
    const directory = this.#watches.directory(path);
    if (kind !== "directory") {
      // The server keeps no one-shot watch where one on the directory stands in for it.
      if (this.#watches.delete(kind, path) && directory === undefined) this.#removeWatches(path, kind);
    } else if (directory !== undefined) {
      this.#removeWatches(path, "any");
      this.#watches.endDirectory(path, directory);
    }
  }

  create({ path, data, ephemeral, sequential }: CreateRequest): Promise<Created> {
    return this.#connection
      .create(path, data, { ephemeral, sequential, ...this.#acl })
      .then(toCreated, rethrow);
  }

  readonly multi = (operations: readonly MultiOperation[]): Promise<readonly MultiResult[]> => {
    const requests = operations.map(
      (operation): ClientOperation =>
        operation.type === "create" ? { ...operation, ...this.#acl } : operation,
    );
    return this.#connection.multi(requests).then((results) => results.map(toResult), rethrow);
  };

  set(path: string, data: Uint8Array, version: number): Promise<Stat> {
    return this.#connection.setData(path, data, version).then(toStat, rethrow);
  }

  delete(path: string, version: number): Promise<void> {
    return this.#connection.delete(path, version).catch(rethrow);
  }

  sync(path: string): Promise<void> {
    return this.#connection.sync(path).catch(rethrow);
  }

  closeSession(timeoutMs: number): Promise<void> {
    return this.#connection.closeSession(timeoutMs).catch((cause: unknown) => {
      throw new ZooKeeperError(Code.CONNECTIONLOSS, { sent: true, cause });
    });
  }

  drop(cause: unknown): void {
    this.#connection.drop(cause);
  }

  #removeWatches(path: string, kind: WatchKind | "any"): void {
    // It may have fired just now, or the connection may be over.
    this.#connection.removeWatches(path, kind).catch(() => {});
  }

  /** A watch that stands already is used. `onAbsence`: it stands also when there is no node. */
  #armed(kind: WatchKind, path: string, watch: boolean, onAbsence: boolean) {
    if (!watch || this.#watches.stands(kind, path)) return undefined;
    // On servers before 3.9 a one-shot watch would take the place of the standing one at this path (ZOOKEEPER-4466).
    const directory = this.#watches.directory(path);
    const replied = (code: number): void => {
      if (code !== 0 && !(onAbsence && code === Code.NONODE)) return;
      this.#watches.set(kind, path);
      // It was to stand in for the one-shot watch, and has gone meanwhile.
      if (directory !== undefined && this.#watches.directory(path) !== directory)
        this.#watches.fire(kind, path);
    };
    return { watch: directory === undefined, replied };
  }
}

function toClientKey({ id, password }: SessionKey): { readonly id: bigint; readonly password: Buffer } {
  return { id: BigInt(`0x${id}`), password: Buffer.from(password, "hex") };
}

function toStat({ version, czxid, mzxid, pzxid, ephemeralOwner }: ClientStat): Stat {
  return {
    version,
    czxid,
    mzxid,
    pzxid,
    ephemeralOwner: ephemeralOwner === 0n ? undefined : ephemeralOwner.toString(16),
  };
}

function toCreated({ path, stat }: { readonly path: string; readonly stat: ClientStat }): Created {
  return { path, stat: toStat(stat) };
}

function toResult(result: ClientResult): MultiResult {
  if (result.type === "create") return { type: "create", path: result.path };
  return result.type === "set" ? { type: "set", stat: toStat(result.stat) } : result;
}

function toNodeData({ data, stat }: ClientNodeData): NodeData {
  return { data, stat: toStat(stat) };
}

function toNames({ children }: NodeChildren): readonly string[] {
  return children;
}

function absent(error: unknown): undefined {
  if (ClientError.is(error, "NONODE")) return undefined;
  return rethrow(error);
}

function rethrow(error: unknown): never {
  throw translated(error);
}

function translated(error: unknown): ZooKeeperError {
  if (error instanceof ClientError) {
    return new ZooKeeperError(error.number, { sent: true, operation: error.operation, cause: error });
  }
  if (error instanceof ConnectionError) {
    const { message } = error;
    return new ZooKeeperError(Code.CONNECTIONLOSS, {
      sent: error.outcome === "unknown",
      message,
      cause: error,
    });
  }
  // The client refuses what can't be right before it sends anything.
  return new ZooKeeperError(Code.BADARGUMENTS, { sent: false, cause: error });
}

/** Why there is no connection, as the link above reports it beside the name of the server. */
function connectFailure(error: unknown): unknown {
  if (error instanceof ClientError) return new ZooKeeperError(error.number, { sent: false, cause: error });
  if (!(error instanceof ConnectionError)) return error;
  const { cause } = error;
  return cause instanceof ConnectionError || cause === undefined ? new Error(reason(cause ?? error)) : cause;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
