import { parseConnectString } from "./connect-string.js";
import type { Connection } from "./connection.js";
import type { CreateOptions } from "./create-mode.js";
import { ConnectionError, ZooKeeperError } from "./errors.js";
import type { WatchEvent } from "./events.js";
import type { MultiOperation, MultiResult, ReadOperation, ReadResult } from "./multi.js";
import type { ConnectionOptions } from "./open-connection.js";
import type { Identity, Operations } from "./operations.js";
import { Chroot, pathProblem, sequentialPathProblem } from "./paths.js";
import { Reconnector } from "./reconnector.js";
import type { AclEntry, Created, NodeAcl, NodeChildren, NodeData, Stat } from "./records.js";
import type { StandingWatches } from "./set-watches.js";
import { WatchStream } from "./watch-stream.js";
import { armed, type PersistentKind, Watches, type WatchListener } from "./watches.js";

/**
 * `"lost"`: the session is over, for ever. `"closed"`: by `close`. `"suspended"`: there is no connection at present.
 */
export type ClientState = "connected" | "suspended" | "lost" | "closed";

export interface ClientOptions
  extends Pick<
    ConnectionOptions,
    "auth" | "sasl" | "tls" | "readOnly" | "limits" | "sessionTimeoutMs" | "signal"
  > {
  /** `host:port,host:port/chroot`; the port defaults to 2181, an IPv6 address stands in brackets. */
  readonly servers: string;
  /** How long one server may take when the session is opened. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Called on each change, with what was the cause of a bad one. */
  readonly stateChanged?: (state: ClientState, cause: unknown) => void;
}

export interface WatchedReadOptions {
  /** Called once, with the next change. Set again after a reconnection, without a gap; gone when the session is. */
  readonly watch?: WatchListener;
}

export interface StreamOptions {
  /** Also of everything below. Default false. */
  readonly recursive?: boolean;
  /** Events kept for a slow reader; beyond, it gets one `"gap"` for all. Default 1,024. */
  readonly capacity?: number;
  /** Ends the watch. */
  readonly signal?: AbortSignal;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const LONGEST_CLOSE_MS = 5_000;
const DEFAULT_CAPACITY = 1_024;
const NONODE = -101;
const noWatches: StandingWatches = { data: [], exist: [], child: [], persistent: [], recursive: [] };

/** Opens a session with one of the servers. Rejects as `openConnection` does, after each server was tried once. */
export async function connect(options: ClientOptions): Promise<Client> {
  const client = new Client(options);
  await open(client);
  return client;
}

let open: (client: Client) => Promise<void>;

/**
 * One session, kept connected: on another connection, to another server if need be, until it is over. Watches are set
 * again; what they would have reported meanwhile is reported, by persistent ones as a `"gap"`.
 *
 * Requests made while there is no connection wait for the next one. Requests under way when the connection breaks
 * reject with a `ConnectionError`: they are never repeated, for they may have taken effect. Once the session is lost,
 * all reject with a `ZooKeeperError` `SESSIONEXPIRED`. When nothing is heard for the session's timeout, it is presumed lost.
 */
export class Client implements Operations {
  readonly #options: ClientOptions;
  readonly #chroot: Chroot;
  readonly #watches = new Watches();
  readonly #streams = new Set<WatchStream>();
  readonly #link: Reconnector;
  #state: ClientState = "suspended";
  /** Whether the watches stand on the present connection. */
  #watching = true;
  /** All events up to this transaction have been reported. */
  #watchedZxid = 0n;

  static {
    open = (client) => client.#link.open();
  }

  /** @internal Use `connect`. */
  constructor(options: ClientOptions) {
    const { addresses, chroot } = parseConnectString(options.servers);
    this.#options = options;
    this.#chroot = new Chroot(chroot);
    const { auth, sasl, tls, readOnly, limits, sessionTimeoutMs, signal } = options;
    this.#link = new Reconnector({
      ...(auth === undefined ? {} : { auth }),
      ...(sasl === undefined ? {} : { sasl }),
      ...(tls === undefined ? {} : { tls }),
      ...(readOnly === undefined ? {} : { readOnly }),
      ...(limits === undefined ? {} : { limits }),
      ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
      addresses,
      signal,
      connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      connected: (connection, first) => this.#connected(connection, first),
      disconnected: (cause) => this.#disconnected(cause),
      lost: (error) => this.#ended("lost", error),
      event: (event) => this.#watches.dispatch(event),
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Unsigned; as in `ephemeralOwner` of the session's nodes. */
  get sessionId(): bigint {
    return this.#link.session?.id ?? 0n;
  }

  /** As granted. */
  get sessionTimeoutMs(): number {
    return this.#link.session?.timeoutMs ?? 0;
  }

  create(path: string, data: Uint8Array, options?: CreateOptions): Promise<Created> {
    if (this.#chroot.isRoot) return this.#run(path, (connection, at) => connection.create(at, data, options));
    const sequential = options?.sequential === true;
    const problem = sequential ? sequentialPathProblem(path) : pathProblem(path);
    if (problem !== undefined) return Promise.reject(problem);
    const at = sequential ? this.#chroot.toServerSequential(path) : this.#chroot.toServer(path);
    const made = this.#run(at, (connection) => connection.create(at, data, options));
    return made.then((created) => ({ ...created, path: this.#chroot.fromServer(created.path) }));
  }

  delete(path: string, version?: number): Promise<void> {
    return this.#call(path, (connection, at) => connection.delete(at, version));
  }

  /** Resolves with `undefined` when there is no node. `watch` is told of its creation then. */
  exists(path: string, { watch }: WatchedReadOptions = {}): Promise<Stat | undefined> {
    return this.#call(path, (connection, at) => {
      if (watch === undefined) return connection.exists(at);
      const add = (code: number): void => {
        if (code === 0 || code === NONODE) this.#addOneShot(code === 0 ? "data" : "exist", at, watch);
      };
      return connection.exists(at, this.#watchesAlready(at) ? { replied: add } : armed(add));
    });
  }

  /** With `NONODE`. `watch` is set only if there is a node. */
  getData(path: string, { watch }: WatchedReadOptions = {}): Promise<NodeData> {
    return this.#call(path, (connection, at) => {
      if (watch === undefined) return connection.getData(at);
      const add = (code: number): void => {
        if (code === 0) this.#addOneShot("data", at, watch);
      };
      return connection.getData(at, this.#watchesAlready(at) ? { replied: add } : armed(add));
    });
  }

  /** With `NONODE`. `watch` is set only if there is a node. */
  getChildren(path: string, { watch }: WatchedReadOptions = {}): Promise<NodeChildren> {
    return this.#call(path, (connection, at) => {
      if (watch === undefined) return connection.getChildren(at);
      const add = (code: number): void => {
        if (code === 0) this.#addOneShot("child", at, watch);
      };
      const already = this.#watches.isPersistent("persistent", at);
      return connection.getChildren(at, already ? { replied: add } : armed(add));
    });
  }

  setData(path: string, data: Uint8Array, version?: number): Promise<Stat> {
    return this.#call(path, (connection, at) => connection.setData(at, data, version));
  }

  getAcl(path: string): Promise<NodeAcl> {
    return this.#call(path, (connection, at) => connection.getAcl(at));
  }

  setAcl(path: string, acl: readonly AclEntry[], aversion?: number): Promise<Stat> {
    return this.#call(path, (connection, at) => connection.setAcl(at, acl, aversion));
  }

  sync(path: string): Promise<void> {
    return this.#call(path, (connection, at) => connection.sync(at));
  }

  async multi(operations: readonly MultiOperation[]): Promise<readonly MultiResult[]> {
    const moved = operations.map((operation) => this.#moved(operation));
    const results = await this.#run("/", (connection) => connection.multi(moved));
    return results.map((result) =>
      result.type === "create" ? { ...result, path: this.#chroot.fromServer(result.path) } : result,
    );
  }

  async multiRead(operations: readonly ReadOperation[]): Promise<readonly ReadResult[]> {
    const moved = operations.map((operation) => this.#moved(operation));
    const results = await this.#run("/", (connection) => connection.multiRead(moved));
    return results.map((result) => {
      if (result.type !== "error") return result;
      const { number, operation } = result.error;
      return { ...result, error: new ZooKeeperError(number, operations[operation ?? -1]?.path, operation) };
    });
  }

  async getEphemerals(prefix = "/"): Promise<readonly string[]> {
    const paths = await this.#call(prefix, (connection, at) => connection.getEphemerals(at));
    // The server compares letters, not names.
    return paths.filter((path) => this.#chroot.holds(path)).map((path) => this.#chroot.fromServer(path));
  }

  countDescendants(path: string): Promise<number> {
    return this.#call(path, (connection, at) => connection.countDescendants(at));
  }

  whoAmI(): Promise<readonly Identity[]> {
    return this.#run("/", (connection) => connection.whoAmI());
  }

  /** For the present connection only: credentials for all of them are given to `connect`. */
  addAuth(scheme: string, auth: string | Uint8Array): Promise<void> {
    return this.#run("/", (connection) => connection.addAuth(scheme, auth));
  }

  /**
   * Follows all changes of a node, or of everything below, too, until the stream ends. The watch stands when this
   * resolves: what is read from then on is never older than what goes unreported. ZooKeeper 3.6 and later.
   *
   * Before 3.9, a server keeps one kind of watch per path and session: don't watch one path in both ways.
   */
  async watch(path: string, options: StreamOptions = {}): Promise<WatchStream> {
    const { recursive = false, capacity = DEFAULT_CAPACITY, signal } = options;
    const problem = pathProblem(path);
    if (problem !== undefined) throw problem;
    signal?.throwIfAborted();
    const at = this.#chroot.toServer(path);
    const kind: PersistentKind = recursive ? "recursive" : "persistent";
    const sink = { event: (event: WatchEvent) => stream.event(this.#mappedEvent(event)) };
    const stop = (): void => {
      signal?.removeEventListener("abort", end);
      this.#streams.delete(stream);
      if (this.#watches.removePersistent(kind, at, sink)) this.#unwatch(at);
    };
    const stream = new WatchStream(capacity, stop);
    const end = (): void => void stream.return();
    try {
      await this.#call(path, (connection) => {
        // From here on it is known that the server is being asked: whoever removes a watch of the path sets it again.
        this.#watches.addPersistent(kind, at, sink);
        this.#streams.add(stream);
        return this.#addWatch(connection, at, kind);
      });
    } catch (error) {
      end();
      throw error;
    }
    signal?.addEventListener("abort", end);
    if (signal?.aborted === true) end();
    return stream;
  }

  /** Ends the session at the server, with its ephemeral nodes. Idempotent; does not reject. */
  async close(): Promise<void> {
    if (this.#state === "closed" || this.#state === "lost") return;
    const connection = this.#link.connection;
    const closed = new ConnectionError("CLOSED", "the client was closed");
    this.#link.end(closed, { keep: true });
    this.#ended("closed", closed);
    // Without a connection the session times out at the server.
    await connection?.closeSession(LONGEST_CLOSE_MS).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Asks on the present connection or, if there is none, on the next. */
  #call<T>(path: string, run: (connection: Connection, at: string) => Promise<T>): Promise<T> {
    if (this.#chroot.isRoot) return this.#run(path, run);
    const problem = pathProblem(path);
    return problem === undefined ? this.#run(this.#chroot.toServer(path), run) : Promise.reject(problem);
  }

  /** `at`: the server's path. */
  #run<T>(at: string, run: (connection: Connection, at: string) => Promise<T>): Promise<T> {
    const connection = this.#link.connection;
    const result =
      connection === undefined ? this.#link.ready().then((next) => run(next, at)) : run(connection, at);
    if (this.#chroot.isRoot) return result;
    return result.catch((error: unknown) => {
      throw this.#mapped(error);
    });
  }

  /** The operation with the server's path. One whose path can't be right stays as it is, to be refused. */
  #moved<T extends { readonly path: string }>(operation: T): T {
    if (this.#chroot.isRoot) return operation;
    const { path } = operation;
    const sequential = "sequential" in operation && operation.sequential === true;
    const problem = sequential ? sequentialPathProblem(path) : pathProblem(path);
    if (problem !== undefined) return operation;
    const at = sequential ? this.#chroot.toServerSequential(path) : this.#chroot.toServer(path);
    return { ...operation, path: at };
  }

  /** The error with the path as the caller knows it. */
  #mapped(error: unknown): unknown {
    if (error instanceof ZooKeeperError && error.path !== undefined) {
      return new ZooKeeperError(error.number, this.#chroot.fromServer(error.path), error.operation);
    }
    if (error instanceof ConnectionError && error.path !== undefined) {
      const { code, message, outcome, cause } = error;
      return new ConnectionError(code, message, {
        outcome,
        cause,
        path: this.#chroot.fromServer(error.path),
      });
    }
    return error;
  }

  #mappedEvent(event: WatchEvent): WatchEvent {
    return this.#chroot.isRoot ? event : { ...event, path: this.#chroot.fromServer(event.path) };
  }

  #addOneShot(kind: "data" | "exist" | "child", at: string, listener: WatchListener): void {
    this.#watches.addOneShot(kind, at, (event) => listener(this.#mappedEvent(event)));
  }

  /*
   * Servers before 3.9 know one mode of watch per path, connection and table, data or children, and the latest request
   * decides (ZOOKEEPER-4466). So a one-shot watch is not asked for where a persistent one reports the same; and what a
   * recursive one does to a one-shot watch of children, about which it reports nothing, is mended.
   */
  #watchesAlready(at: string): boolean {
    return this.#watches.isPersistent("persistent", at) || this.#watches.isPersistent("recursive", at);
  }

  #setWatches(connection: Connection, standing: StandingWatches, sinceZxid: bigint): Promise<unknown> {
    const recursive = (at: string): boolean =>
      this.#watches.isPersistent("recursive", at) && !this.#watches.isPersistent("persistent", at);
    const late = standing.child.filter(recursive);
    const child = standing.child.filter((at) => !recursive(at));
    return Promise.all([
      connection.setWatches({ ...standing, child }, sinceZxid),
      connection.setWatches({ ...noWatches, child: late }, sinceZxid),
    ]);
  }

  async #addWatch(connection: Connection, at: string, kind: PersistentKind): Promise<void> {
    const since = this.#link.lastZxid;
    await connection.addWatch(at, kind === "recursive" ? "persistent-recursive" : "persistent");
    if (kind !== "recursive") return;
    // Not before: a read that sets one may have been under way.
    await connection.setWatches({ ...noWatches, child: this.#watches.standingAt(at).child }, since);
  }

  /** What is removed at the server are all watches of the path: those that still count are set again, without a gap. */
  #unwatch(at: string): void {
    const connection = this.#link.connection;
    if (connection === undefined) return;
    const since = this.#link.lastZxid;
    const again = (): Promise<unknown> => this.#setWatches(connection, this.#watches.standingAt(at), since);
    // In vain when the connection has ended: on the next one they are all set.
    connection
      .removeWatches(at, "any")
      .then(again, again)
      .catch(() => {});
  }

  #connected(connection: Connection, first: boolean): void {
    if (!first) this.#watchAgain(connection);
    this.#change("connected", undefined);
  }

  #watchAgain(connection: Connection): void {
    this.#watching = false;
    this.#setWatches(connection, this.#watches.standing(), this.#watchedZxid).then(
      () => {
        this.#watching = true;
      },
      (error: unknown) => connection.drop(error),
    );
    for (const stream of this.#streams) stream.gap();
  }

  #disconnected(cause: unknown): void {
    // If not all watches stood yet, those that did not may have missed something since the connection before.
    if (this.#watching) this.#watchedZxid = this.#link.lastZxid;
    this.#change("suspended", cause);
  }

  #ended(state: ClientState, error: unknown): void {
    for (const stream of this.#streams) stream.fail(error);
    this.#streams.clear();
    this.#change(state, error);
  }

  #change(state: ClientState, cause: unknown): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.stateChanged?.(state, cause);
  }
}
