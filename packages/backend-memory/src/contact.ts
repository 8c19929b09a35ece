import { ConclaveError, type SessionObserver } from "@conclave/api/backend";
import { Connection } from "./connection.js";
import { notSent, sessionLost } from "./errors.js";
import type { Link } from "./link.js";
import type { RequestMethod } from "./requests.js";
import type { SessionRecord } from "./session-record.js";
import type { Store } from "./store.js";

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** Keeps one session connected: makes a new connection whenever one is lost, and says what happened. */
export class Contact {
  readonly #store: Store;
  readonly #link: Link;
  readonly #session: SessionRecord;
  readonly #observer: SessionObserver;
  #connection: Connection | undefined;
  /** A connection that the store has not answered on yet. */
  #attempt: Connection | undefined;
  #lostBecause = "not connected";
  #over: Error | undefined;
  #waiters: Waiter[] = [];
  #stopWaiting: (() => void) | undefined;
  /** Called with each new connection, before anything else is sent on it. */
  onConnected: ((connection: Connection) => void) | undefined;

  constructor(store: Store, link: Link, session: SessionRecord, observer: SessionObserver) {
    this.#store = store;
    this.#link = link;
    this.#session = session;
    this.#observer = observer;
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Begins with the connection on which the session was opened. */
  begin(connection: Connection): void {
    this.#listen(connection);
    this.#adopt(connection);
  }

  request<T>(method: RequestMethod, ask: () => T): Promise<T> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(notSent(this.#lostBecause));
    return connection.request(method, ask);
  }

  /** Resolves when there is contact. Rejects when there will be none any more. */
  connected(): Promise<void> {
    if (this.#connection !== undefined) return Promise.resolve();
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Replaces the present connection. */
  giveUp(cause: string): void {
    this.#connection?.breakOff(cause);
  }

  /** Frees everything; nothing is reported any more. */
  abandon(): void {
    this.#finish(notSent("the session was given up"));
    this.#connection?.close("the session was given up");
    this.#connection = undefined;
  }

  #connect(): void {
    if (this.#over !== undefined) return;
    if (!this.#link.reachable) {
      this.#stopWaiting = this.#link.whenReachable(() => this.#connect());
      return;
    }
    const connection = new Connection(this.#link, this.#store);
    connection.session = this.#session;
    this.#attempt = connection;
    connection
      .request("connect", () => this.#listen(connection))
      .then(
        () => this.#adopt(connection),
        (error: unknown) => this.#refused(connection, error),
      );
  }

  /** The store will tell this connection when the session ends. */
  #listen(connection: Connection): void {
    connection.session = this.#session;
    this.#session.tellEnded = (cause) => {
      connection.notify(() => this.#ended(sessionLost(this.#session.id, cause)));
    };
  }

  #adopt(connection: Connection): void {
    this.#attempt = undefined;
    if (this.#over !== undefined) {
      connection.close("the session was given up");
      return;
    }
    if (connection.lost !== undefined) {
      this.#lost(connection.lost);
      return;
    }
    this.#connection = connection;
    connection.onLost = (cause) => this.#lost(cause);
    this.onConnected?.(connection);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #refused(connection: Connection, error: unknown): void {
    this.#attempt = undefined;
    if (ConclaveError.is(error, "SESSION_LOST")) {
      connection.close("the session is over");
      this.#ended(error);
    } else {
      this.#connect();
    }
  }

  #lost(cause: string): void {
    this.#connection = undefined;
    this.#lostBecause = cause;
    this.#observer.disconnected(notSent(cause));
    this.#connect();
  }

  #ended(error: Error): void {
    if (this.#over !== undefined) return;
    this.#finish(error);
    this.#observer.ended(error);
  }

  #finish(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#stopWaiting?.();
    this.#attempt?.close(error.message);
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
  }
}
