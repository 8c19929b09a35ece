import { ConclaveError, type OpenOptions, pause, systemClock } from "@conclave/api/backend";
import type {
  Connection,
  ConnectionObserver,
  ConnectOptions,
  DirectoryEvent,
  Driver,
  GrantedSession,
  Host,
  WatchKind,
} from "./driver.js";
import { Code, reasonOf, ZooKeeperError } from "./errors.js";
import type { Configuration } from "./options.js";

/** Of the time to connect, for all hosts together: the rest is for reporting which failed. */
const SHARE_OF_CONNECT = 0.8;
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 500;
const SHORTEST_ATTEMPT_MS = 250;
/** A server that is starting may take a connection and never answer on it. */
const LONGEST_ATTEMPT_MS = 2_000;

export interface LinkObserver {
  disconnected(cause: unknown): void;
  /** A new connection stands, caught up with the leader before whatever is asked on it. */
  reconnected(): void;
  ended(cause: unknown): void;
  fired(kind: WatchKind, path: string): void;
  happened(directory: string, event: DirectoryEvent): void;
}

export interface LinkOptions {
  readonly driver: Driver;
  readonly configuration: Configuration;
  /** Index of the host to begin with. */
  readonly firstHost: number;
  /** Any path: what the server syncs is its whole state. */
  readonly syncPath: string;
}

interface Waiter {
  resolve(connection: Connection): void;
  reject(error: ConclaveError): void;
}

/** Keeps one session connected: replaces a connection that broke until the session is over. */
export class Link {
  readonly #options: LinkOptions;
  readonly #observer: LinkObserver;
  readonly #waiters = new Set<Waiter>();
  readonly #stop = new AbortController();
  #hostIndex: number;
  #connection: Connection | undefined;
  #session: GrantedSession | undefined;
  #over: ConclaveError | undefined;
  #lastZxid = 0n;

  constructor(options: LinkOptions, observer: LinkObserver) {
    this.#options = options;
    this.#observer = observer;
    this.#hostIndex = options.firstHost;
  }

  /** Opens the session. Tries each host once. */
  async open(
    options: Pick<OpenOptions, "sessionTimeoutMs" | "connectTimeoutMs" | "signal">,
  ): Promise<GrantedSession> {
    const { sessionTimeoutMs, signal } = options;
    const { hosts, connectTimeoutMs } = this.#options.configuration;
    const share = (SHARE_OF_CONNECT * options.connectTimeoutMs) / hosts.length;
    const timeoutMs = Math.ceil(Math.min(connectTimeoutMs, share));
    const failures: string[] = [];
    let cause: unknown;
    for (let attempt = 0; attempt < hosts.length; attempt++) {
      const host = this.#nextHost();
      try {
        this.#connection = await this.#connect({
          host,
          timeoutMs,
          sessionTimeoutMs,
          resume: undefined,
          signal,
        });
        this.#session = this.#connection.session;
        return this.#session;
      } catch (error) {
        if (signal.aborted)
          throw new ConclaveError("ABORTED", "opening the session was aborted", { cause: error });
        if (ZooKeeperError.is(error, Code.AUTHFAILED)) {
          throw new ConclaveError("ACCESS_DENIED", `${name(host)} refused the credentials`, { cause: error });
        }
        cause = error;
        failures.push(`${name(host)}: ${reasonOf(error)}`);
      }
    }
    throw new ConclaveError("CONNECT_FAILED", `no session at ZooKeeper: ${failures.join("; ")}`, { cause });
  }

  /** The connection, now. Throws `CONNECTION_LOST`, not applied, while there is none. */
  require(path: string): Connection {
    if (this.#over !== undefined) throw this.#over;
    if (this.#connection === undefined) {
      throw new ConclaveError(
        "CONNECTION_LOST",
        `there is no connection to ZooKeeper (operation on ${path})`,
        { path },
      );
    }
    return this.#connection;
  }

  /** The connection, now, if there is one. */
  get current(): Connection | undefined {
    return this.#connection;
  }

  /** The latest transaction that any reply has reflected, on any connection so far. */
  get lastZxid(): bigint {
    const current = this.#connection?.lastZxid ?? 0n;
    return current > this.#lastZxid ? current : this.#lastZxid;
  }

  /** The connection as soon as there is one. Rejects with `SESSION_LOST` if the session ends first. */
  connected(signal?: AbortSignal): Promise<Connection> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (this.#connection !== undefined) return Promise.resolve(this.#connection);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: (connection) => settle(() => resolve(connection)),
        reject: (error) => settle(() => reject(error)),
      };
      const settle = (run: () => void): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
        run();
      };
      const onAbort = (): void => settle(() => reject(signal?.reason));
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", onAbort);
      if (signal?.aborted === true) onAbort();
    });
  }

  /** Ends the connection that stands, if any: another one is made. */
  replaceConnection(cause: unknown): void {
    this.#connection?.drop(cause);
  }

  /** Ends everything on this side. Idempotent. */
  abandon(cause: ConclaveError, { keepConnection = false } = {}): void {
    if (this.#over !== undefined) return;
    this.#over = cause;
    const connection = this.#connection;
    this.#connection = undefined;
    this.#stop.abort(cause);
    if (!keepConnection) connection?.drop(cause);
    for (const waiter of [...this.#waiters]) waiter.reject(cause);
  }

  async #connect(
    options: Pick<ConnectOptions, "timeoutMs" | "sessionTimeoutMs" | "resume" | "signal"> & {
      readonly host: Host;
    },
  ): Promise<Connection> {
    let connection: Connection | undefined;
    let closedEarly: { readonly cause: unknown } | undefined;
    const observer: ConnectionObserver = {
      fired: (kind, path) => {
        if (connection !== undefined && connection === this.#connection) this.#observer.fired(kind, path);
      },
      happened: (directory, event) => {
        if (connection !== undefined && connection === this.#connection) {
          this.#observer.happened(directory, event);
        }
      },
      closed: (cause) => {
        if (connection === undefined) closedEarly = { cause };
        else if (connection === this.#connection) this.#lost(cause);
      },
    };
    const { host, ...rest } = options;
    const made = await this.#options.driver.connect({
      ...rest,
      ...host,
      auth: this.#options.configuration.auth,
      security: this.#options.configuration.security,
      observer,
    });
    if (closedEarly !== undefined) throw closedEarly.cause;
    connection = made;
    return made;
  }

  #lost(cause: unknown): void {
    this.#lastZxid = this.lastZxid;
    this.#connection = undefined;
    this.#observer.disconnected(cause);
    if (this.#over === undefined) void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const session = this.#session;
    const signal = this.#stop.signal;
    if (session === undefined) return;
    const { hosts } = this.#options.configuration;
    const timeoutMs = Math.min(LONGEST_ATTEMPT_MS, Math.max(SHORTEST_ATTEMPT_MS, session.timeoutMs / 4));
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const host = this.#nextHost();
        const connection = await this.#connect({
          host,
          timeoutMs,
          sessionTimeoutMs: session.timeoutMs,
          resume: session,
          signal,
        });
        if (signal.aborted) return connection.drop(signal.reason);
        this.#resume(connection);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (ZooKeeperError.is(error, Code.SESSIONEXPIRED)) return this.#expired(error);
        const round = Math.floor(attempt / hosts.length);
        const pauseMs = Math.min(LONGEST_PAUSE_MS, session.timeoutMs / 10, FIRST_PAUSE_MS * 2 ** round);
        await pause(systemClock, pauseMs * (0.5 + Math.random() / 2), signal);
      }
    }
  }

  #resume(connection: Connection): void {
    this.#connection = connection;
    // Another server may lag behind the one before: nothing read from now on may be older than what was seen there.
    connection.sync(this.#options.syncPath).catch((error: unknown) => connection.drop(error));
    for (const waiter of [...this.#waiters]) waiter.resolve(connection);
    this.#observer.reconnected();
  }

  #expired(cause: unknown): void {
    this.abandon(new ConclaveError("SESSION_LOST", "ZooKeeper says that the session is over", { cause }));
    this.#observer.ended(cause);
  }

  #nextHost(): Host {
    const { hosts } = this.#options.configuration;
    const host = hosts[this.#hostIndex++ % hosts.length];
    if (host === undefined) throw new Error("no hosts");
    return host;
  }
}

function name({ host, port }: Host): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
