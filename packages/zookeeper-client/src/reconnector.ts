import { Code } from "./codes.js";
import type { Address } from "./connect-string.js";
import type { Connection } from "./connection.js";
import { ConnectionError, ZooKeeperError } from "./errors.js";
import type { WatchEvent } from "./events.js";
import { type ConnectionOptions, defaultLimits, openConnection } from "./open-connection.js";
import type { Session } from "./session.js";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;
const SHORTEST_ATTEMPT_MS = 250;

type Fixed = "auth" | "sasl" | "tls" | "readOnly" | "limits" | "sessionTimeoutMs";

export interface ReconnectorOptions extends Pick<ConnectionOptions, Fixed> {
  readonly addresses: readonly Address[];
  /** For each server, when the session is opened. */
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** A new connection stands, on which nothing was asked yet. */
  connected(connection: Connection, first: boolean): void;
  /** What waited for it has been asked. */
  ready(): void;
  disconnected(cause: unknown): void;
  /** The session is over: the server said so, or it must be presumed so. */
  lost(error: unknown): void;
  event(event: WatchEvent): void;
}

interface Waiter {
  ask(connection: Connection): void;
  reject(error: unknown): void;
}

/** Keeps one session connected to one of several servers, until the session is over. */
export class Reconnector {
  readonly #options: ReconnectorOptions;
  readonly #addresses: readonly Address[];
  readonly #stop = new AbortController();
  #next = 0;
  #connection: Connection | undefined;
  #session: Session | undefined;
  #lastZxid = 0n;
  #waiters: Waiter[] = [];
  #over: { readonly error: unknown } | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(options: ReconnectorOptions) {
    this.#options = options;
    this.#addresses = shuffled(options.addresses);
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** The latest transaction that any reply has reflected, on any connection so far. */
  get lastZxid(): bigint {
    const current = this.#connection?.lastZxid ?? 0n;
    return current > this.#lastZxid ? current : this.#lastZxid;
  }

  /** Opens the session. Tries each server once. */
  async open(): Promise<void> {
    const failures: unknown[] = [];
    for (let i = 0; i < this.#addresses.length; i++) {
      try {
        const { connectTimeoutMs: timeoutMs, signal } = this.#options;
        return this.#connected(
          await this.#connect({ timeoutMs, ...(signal === undefined ? {} : { signal }) }),
        );
      } catch (error) {
        if (this.#options.signal?.aborted === true || error instanceof TypeError) throw error;
        if (ZooKeeperError.is(error, "AUTHFAILED")) throw error;
        failures.push(error);
      }
    }
    const why = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
    throw new ConnectionError("CONNECT_FAILED", why.join("; "), { cause: failures[0] });
  }

  /** Asks on the connection, as soon as there is one, in the order of the calls. Rejects when the session ends first. */
  ask<T>(run: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#over !== undefined) return Promise.reject(this.#over.error);
    if (this.#connection !== undefined) return run(this.#connection);
    if (
      this.#waiters.length >= (this.#options.limits?.maxPendingRequests ?? defaultLimits.maxPendingRequests)
    ) {
      return Promise.reject(
        new ConnectionError("QUEUE_FULL", "too many requests are waiting for a connection"),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ ask: (connection) => resolve(run(connection)), reject });
    });
  }

  /** Ends everything on this side; with `keep`, except for the connection. Idempotent. */
  end(error: unknown, { keep = false } = {}): void {
    if (this.#over !== undefined) return;
    this.#over = { error };
    clearTimeout(this.#expiry);
    this.#stop.abort(error);
    const connection = this.#connection;
    this.#connection = undefined;
    if (!keep) connection?.drop(error);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #connect(options: Pick<ConnectionOptions, "timeoutMs" | "signal" | "resume">): Promise<Connection> {
    const address = this.#addresses[this.#next++ % this.#addresses.length];
    if (address === undefined) throw new Error("no servers");
    let made: Connection | undefined;
    const { auth, sasl, tls, readOnly, limits, sessionTimeoutMs } = this.#options;
    const given = { auth, sasl, tls, readOnly, limits, sessionTimeoutMs };
    return openConnection({
      ...definedOf(given),
      ...address,
      ...options,
      lastZxid: this.#lastZxid,
      observer: {
        event: (event) => this.#options.event(event),
        closed: (cause) => {
          if (made !== undefined && made === this.#connection) this.#disconnected(made, cause);
        },
      },
    }).then((connection) => {
      made = connection;
      return connection;
    });
  }

  #connected(connection: Connection): void {
    if (connection.over) {
      this.#disconnected(connection, undefined);
      return;
    }
    const first = this.#session === undefined;
    this.#session = connection.session;
    this.#connection = connection;
    clearTimeout(this.#expiry);
    this.#options.connected(connection, first);
    // At once, lest somebody who asks now be earlier.
    for (const waiter of this.#waiters.splice(0)) waiter.ask(connection);
    this.#options.ready();
  }

  #disconnected(connection: Connection, cause: unknown): void {
    this.#lastZxid = connection.lastZxid > this.#lastZxid ? connection.lastZxid : this.#lastZxid;
    this.#session = connection.session;
    this.#connection = undefined;
    if (this.#over !== undefined) return;
    this.#options.disconnected(cause);
    if (this.#over !== undefined) return;
    // The server counts from when it heard the latest request, which is no earlier than when that was sent.
    const leftMs = connection.lastAckSentAtMs + connection.session.timeoutMs - performance.now();
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.#lost(presumedOver(connection.session)), Math.max(0, leftMs));
    void this.#reconnect(connection.session);
  }

  #lost(error: unknown): void {
    if (this.#over !== undefined) return;
    this.end(error);
    this.#options.lost(error);
  }

  async #reconnect(session: Session): Promise<void> {
    const { signal } = this.#stop;
    // Each server gets its turn in the last third of the timeout, which is what is left after a silence.
    const shareMs = Math.max(SHORTEST_ATTEMPT_MS, session.timeoutMs / 3 / this.#addresses.length);
    for (let attempt = 0; !signal.aborted; attempt++) {
      const round = Math.floor(attempt / this.#addresses.length);
      try {
        // Where none answered in time, they are far away or busy.
        const timeoutMs = Math.min(session.timeoutMs, shareMs * 2 ** round);
        const connection = await this.#connect({ timeoutMs, signal, resume: session });
        if (signal.aborted) return connection.drop(signal.reason);
        return this.#connected(connection);
      } catch (error) {
        if (signal.aborted) return;
        if (ZooKeeperError.is(error, "SESSIONEXPIRED") || ZooKeeperError.is(error, "AUTHFAILED")) {
          return this.#lost(error);
        }
        const pauseMs = Math.min(LONGEST_PAUSE_MS, session.timeoutMs / 10, FIRST_PAUSE_MS * 2 ** round);
        await pause(pauseMs * (0.5 + Math.random() / 2), signal);
      }
    }
  }
}

function presumedOver({ timeoutMs }: Session): ZooKeeperError {
  const message = `the session is presumed over: nothing was heard for its timeout of ${timeoutMs} ms`;
  return new ZooKeeperError(Code.SESSIONEXPIRED, undefined, undefined, message);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
    if (signal.aborted) finish();
  });
}

/** Fisher and Yates: so that clients spread over the servers. */
function shuffled<T>(values: readonly T[]): readonly T[] {
  const rest = [...values];
  const result: T[] = [];
  while (rest.length > 0) result.push(...rest.splice(Math.floor(Math.random() * rest.length), 1));
  return result;
}

function definedOf<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
