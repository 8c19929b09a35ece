import { callBack } from "./call-back.js";
import { Chroot } from "./chroot.js";
import { parseConnectString } from "./connect-string.js";
import type { Connection, ReadOptions } from "./connection.js";
import type { CreateOptions } from "./create-mode.js";
import { ConnectionError, ZooKeeperError } from "./errors.js";
import type { WatchEvent } from "./events.js";
import { checkInteger } from "./integer.js";
import type { MultiOperation, MultiResult, ReadOperation, ReadResult } from "./multi.js";
import type { ConnectionOptions } from "./open-connection.js";
import type { Operations } from "./operations.js";
import { pathProblem, sequentialPathProblem } from "./paths.js";
import { Reconnector } from "./reconnector.js";
import type { AclEntry, Created, Identity, NodeAcl, NodeChildren, NodeData, Stat } from "./records.js";
import { SessionWatches } from "./session-watches.js";
import { WatchStream } from "./watch-stream.js";
import type { OneShotKind, PersistentKind, WatchListener } from "./watches.js";

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
  readonly #watches: SessionWatches;
  readonly #link: Reconnector;
  #state: ClientState = "suspended";
  #closed: Promise<void> | undefined;

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
      connected: (connection, first) => {
        if (!first) this.#watches.setAgain(connection);
      },
      ready: () => this.#change("connected", undefined),
      disconnected: (cause) => this.#disconnected(cause),
      lost: (error) => this.#ended("lost", error),
      event: (event) => this.#watches.dispatch(event),
    });
    this.#watches = new SessionWatches(this.#link);
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
    return this.#call(path, (connection, at) => connection.exists(at, this.#armed("exist", at, watch)));
  }

  /** With `NONODE`. `watch` is set only if there is a node. */
  getData(path: string, { watch }: WatchedReadOptions = {}): Promise<NodeData> {
    return this.#call(path, (connection, at) => connection.getData(at, this.#armed("data", at, watch)));
  }

  /** With `NONODE`. `watch` is set only if there is a node. */
  getChildren(path: string, { watch }: WatchedReadOptions = {}): Promise<NodeChildren> {
    return this.#call(path, (connection, at) => connection.getChildren(at, this.#armed("child", at, watch)));
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
    const moved = operations.map((operation) => this.#chroot.operation(operation));
    const results = await this.#run("/", (connection) => connection.multi(moved));
    return results.map((result) =>
      result.type === "create" ? { ...result, path: this.#chroot.fromServer(result.path) } : result,
    );
  }

  async multiRead(operations: readonly ReadOperation[]): Promise<readonly ReadResult[]> {
    const moved = operations.map((operation) => this.#chroot.operation(operation));
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
    checkInteger("capacity", capacity, 1, Number.MAX_SAFE_INTEGER);
    signal?.throwIfAborted();
    const at = this.#chroot.toServer(path);
    const kind: PersistentKind = recursive ? "recursive" : "persistent";
    const sink = {
      event: (event: WatchEvent) => stream.event(this.#chroot.event(event)),
      gap: () => stream.gap(),
      fail: (error: unknown) => {
        signal?.removeEventListener("abort", end);
        stream.fail(error);
      },
    };
    const stream = new WatchStream(capacity, () => {
      signal?.removeEventListener("abort", end);
      this.#watches.remove(kind, at, sink);
    });
    const end = (): void => void stream.return();
    try {
      await this.#call(path, (connection) => this.#watches.add(connection, kind, at, sink));
    } catch (error) {
      end();
      throw error;
    }
    if (signal?.aborted === true) end();
    else if (!stream.over) signal?.addEventListener("abort", end);
    return stream;
  }

  /** Ends the session at the server, with its ephemeral nodes. Idempotent; does not reject. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#state === "lost") return;
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
    const result = this.#link.ask((connection) => run(connection, at));
    if (this.#chroot.isRoot) return result;
    return result.catch((error: unknown) => {
      throw this.#chroot.error(error);
    });
  }

  #armed(kind: OneShotKind, at: string, listener: WatchListener | undefined): ReadOptions | undefined {
    if (listener === undefined) return undefined;
    return this.#watches.armed(kind, at, (event) => listener(this.#chroot.event(event)));
  }

  #disconnected(cause: unknown): void {
    this.#watches.disconnected();
    this.#change("suspended", cause);
  }

  #ended(state: ClientState, error: unknown): void {
    this.#watches.end(error);
    this.#change(state, error);
  }

  #change(state: ClientState, cause: unknown): void {
    if (this.#state === state) return;
    this.#state = state;
    const { stateChanged } = this.#options;
    if (stateChanged !== undefined) callBack(() => stateChanged(state, cause));
  }
}
