import type {
  BackendSession,
  Child,
  ChildNamesSink,
  ChildNode,
  ChildNodesSink,
  Guard,
  LineEntry,
  LineNode,
  LookAhead,
  Node,
  NodeSink,
  Operation,
  OperationResult,
  ReadOptions,
  SessionObserver,
  Standing,
  StopWatch,
  Ticket,
} from "@conclave/api/backend";
import { ConclaveError, Link, systemClock } from "@conclave/api/backend";
import { Commits } from "./commit.js";
import type { Connection } from "./connection.js";
import { connectionLost, sessionLost } from "./errors.js";
import { followChildNames, followChildNodes, followNode } from "./followers.js";
import { KeepAlive } from "./keepalive.js";
import type { Keys } from "./keys.js";
import { Lines } from "./line.js";
import { listChildren, readNode, toChild, toChildNode } from "./reads.js";
import { Store } from "./store.js";
import { Watches } from "./watch.js";

/** How long `close` tries to end the session at the store, which ends it by itself after the timeout. */
const MAX_CLOSE_MS = 2_000;

export interface Granted {
  readonly id: string;
  readonly lease: string;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  /** When its key was made. */
  readonly revision: bigint;
}

/** A session: an etcd lease, with a key attached that every write of the session compares (SES-5). */
export class EtcdSession implements BackendSession {
  readonly id: string;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  readonly #lease: string;
  readonly #keys: Keys;
  readonly #observer: SessionObserver;
  readonly #link: Link<Connection>;
  readonly #watches = new Watches();
  readonly #commits: Commits;
  readonly #lines: Lines;
  #keepAlive: KeepAlive | undefined;
  #ended = false;
  #abandoned = false;
  #closing: Promise<void> | undefined;

  constructor(
    connection: Connection,
    /** Connects to one host after another. */
    dial: (signal: AbortSignal) => Promise<Connection>,
    keys: Keys,
    granted: Granted,
    observer: SessionObserver,
  ) {
    this.id = granted.id;
    this.timeoutMs = granted.timeoutMs;
    this.openedAtMs = granted.openedAtMs;
    this.#lease = granted.lease;
    this.#keys = keys;
    this.#observer = observer;
    this.#link = new Link({
      clock: systemClock,
      first: connection,
      dial,
      up: (next) => this.#watches.attach(next),
      down: (cause) => {
        this.#watches.detach();
        if (this.#closing === undefined) this.#observer.disconnected(cause);
      },
      lost: connectionLost,
    });
    const owner = { sessionKey: keys.session(granted.id), lease: granted.lease };
    const store = new Store(keys, owner, granted.id, this.#link);
    this.#commits = new Commits(store);
    this.#lines = new Lines(store);
    this.#watches.attach(connection);
    this.#watches.follow(this.#followSessionKey(owner.sessionKey, granted.revision));
  }

  async renew(timeoutMs: number): Promise<number> {
    let sentAtMs = 0;
    const ttl = await this.#link.ask(timeoutMs, (connection) =>
      this.#keepAliveOn(connection).renew(() => {
        sentAtMs = systemClock.now();
      }),
    );
    if (ttl <= 0) throw this.#over(sessionLost());
    return sentAtMs;
  }

  async get(path: string, _options: ReadOptions): Promise<Node | undefined> {
    // All reads are linearizable: one that isn't would go back in time after a change of the member.
    const { node } = await readNode(this.#link.connection.kv, this.#keys, path);
    return node;
  }

  async children(path: string, _options: ReadOptions): Promise<readonly Child[] | undefined> {
    const { exists, children } = await listChildren(this.#link.connection.kv, this.#keys, path, false);
    return exists ? children.map(({ name, kv }) => toChild(name, kv)) : undefined;
  }

  async childNodes(path: string, _options: ReadOptions): Promise<readonly ChildNode[] | undefined> {
    const { exists, children } = await listChildren(this.#link.connection.kv, this.#keys, path, true);
    const parent = path === "/" ? "" : path;
    return exists ? children.map(({ name, kv }) => toChildNode(name, `${parent}/${name}`, kv)) : undefined;
  }

  commit(operations: readonly Operation[], guard: Guard | undefined): Promise<readonly OperationResult[]> {
    return this.#noticingTheEnd(this.#commits.commit(operations, guard));
  }

  enqueue(line: string, entry: LineEntry, look: LookAhead): Promise<Ticket> {
    const joined = this.#commits
      .makeUpper(`${line === "/" ? "" : line}/entry`, undefined)
      .then(() => this.#lines.enqueue(line, entry, look));
    return this.#noticingTheEnd(joined);
  }

  standing(ticket: Ticket, look: LookAhead): Promise<Standing> {
    return this.#noticingTheEnd(this.#lines.standing(ticket, look));
  }

  leave(ticket: Ticket): Promise<void> {
    return this.#lines.leave(ticket);
  }

  entries(line: string, limit: number): Promise<readonly LineNode[]> {
    return this.#lines.entries(line, limit);
  }

  watchNode(path: string, sink: NodeSink): StopWatch {
    return this.#watches.follow(followNode(this.#keys, path, sink));
  }

  watchChildren(path: string, sink: ChildNamesSink): StopWatch {
    return this.#watches.follow(followChildNames(this.#keys, path, sink));
  }

  watchChildNodes(path: string, sink: ChildNodesSink): StopWatch {
    return this.#watches.follow(followChildNodes(this.#keys, path, sink));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  abandon(): void {
    this.#abandoned = true;
    this.#watches.close();
    this.#link.close();
  }

  async #close(): Promise<void> {
    if (this.#abandoned) return;
    this.#watches.close();
    const limitMs = Math.min(MAX_CLOSE_MS, this.timeoutMs);
    try {
      // To revoke a lease twice is to revoke it once.
      await this.#link.insist(limitMs, (connection) => connection.lease.leaseRevoke({ ID: this.#lease }));
    } catch {
      // Out of reach, or over already: the lease ends by itself.
    } finally {
      this.abandon();
    }
  }

  #keepAliveOn(connection: Connection): KeepAlive {
    if (this.#keepAlive?.connection !== connection) this.#keepAlive = new KeepAlive(connection, this.#lease);
    return this.#keepAlive;
  }

  /** Reports the end of the session once, as soon as its key is deleted, whoever deletes it. */
  #followSessionKey(key: Buffer, since: bigint) {
    const gone = (): void => {
      this.#over(sessionLost());
    };
    return {
      range: { key },
      since,
      async read(connection: Connection) {
        const { kvs, header } = await connection.kv.range({ key, keys_only: true });
        const report = (): void => {
          if (kvs.length === 0) gone();
        };
        return { revision: BigInt(header.revision), report };
      },
      apply(events: readonly { readonly type: unknown }[]) {
        if (events.some((event) => event.type === "Delete")) gone();
      },
      failed() {},
    };
  }

  async #noticingTheEnd<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      if (ConclaveError.is(error, "SESSION_LOST")) this.#over(error);
      throw error;
    }
  }

  #over(cause: ConclaveError): ConclaveError {
    if (!this.#ended && !this.#abandoned && this.#closing === undefined) {
      this.#ended = true;
      this.#observer.ended(cause);
    }
    return cause;
  }
}
