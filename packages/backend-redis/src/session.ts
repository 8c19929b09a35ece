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
import { type ConclaveError, Link, systemClock } from "@conclave/api/backend";
import { Commits } from "./commit.js";
import type { Connection } from "./connection.js";
import { connectionLost, sessionLost } from "./errors.js";
import { followChildNames, followChildNodes, followNode } from "./followers.js";
import { Lines } from "./line.js";
import { Reaper } from "./reaper.js";
import { Receipts } from "./receipts.js";
import { childNodesIn, namesIn, nodeIn, numberAt } from "./replies.js";
import type { Revisions } from "./revisions.js";
import { children, end, get, reap, renew } from "./scripts/index.js";
import { Store } from "./store.js";
import { Watches } from "./watch.js";

/** How long `close` tries to end the session at the store, which ends it by itself after the timeout. */
const MAX_CLOSE_MS = 2_000;

export interface Granted {
  readonly id: string;
  readonly base: string;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  /** In how many ms the first of all sessions is due; -1 for none. */
  readonly firstDueMs: number;
}

/** A session: a key with a time to live, without which the scripts refuse its writes (SES-5) and see none of its nodes. */
export class RedisSession implements BackendSession {
  readonly id: string;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  readonly #observer: SessionObserver;
  readonly #link: Link<Connection>;
  readonly #store: Store;
  readonly #watches: Watches;
  readonly #reaper: Reaper;
  readonly #commits: Commits;
  readonly #lines: Lines;
  #ended = false;
  #abandoned = false;
  #closing: Promise<void> | undefined;

  constructor(
    connection: Connection,
    /** Finds the server anew, which may be another one by now, and connects. */
    dial: (signal: AbortSignal) => Promise<Connection>,
    granted: Granted,
    revisions: Revisions,
    observer: SessionObserver,
  ) {
    this.id = granted.id;
    this.timeoutMs = granted.timeoutMs;
    this.openedAtMs = granted.openedAtMs;
    this.#observer = observer;
    this.#reaper = new Reaper(() => this.#reap());
    this.#watches = new Watches({
      base: granted.base,
      sessionId: granted.id,
      timeoutMs: granted.timeoutMs,
      ended: () => void this.#over(sessionLost()),
      firstDue: (inMs) => this.#reaper.known(inMs),
      alsoDue: (inMs) => this.#reaper.alsoDue(inMs),
    });
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
    // Where the store has gone back, what it holds must not outlive it: the tokens that it would give could have been given before.
    this.#store = new Store(granted.id, this.#link, revisions, (error) => void this.#over(error));
    const receipts = new Receipts();
    this.#commits = new Commits(this.#store, receipts);
    this.#lines = new Lines(this.#store, receipts);
    this.#watches.attach(connection);
    this.#reaper.known(granted.firstDueMs);
  }

  async renew(timeoutMs: number): Promise<number> {
    let sentAtMs = 0;
    const reply = await this.#link.ask(timeoutMs, (connection) => {
      sentAtMs = systemClock.now();
      return connection.exec(renew, [this.id, this.timeoutMs, this.#watches.position]);
    });
    if (reply[0] === -1) throw this.#over(sessionLost());
    this.#reaper.known(numberAt(reply, 1));
    return sentAtMs;
  }

  async get(path: string, _options: ReadOptions): Promise<Node | undefined> {
    // All reads are made at the master, in its one order.
    return nodeIn(path, await this.#store.read(get, [path]), 1);
  }

  async children(path: string, _options: ReadOptions): Promise<readonly Child[] | undefined> {
    return namesIn(await this.#store.read(children, [path, 0]));
  }

  async childNodes(path: string, _options: ReadOptions): Promise<readonly ChildNode[] | undefined> {
    return childNodesIn(path, await this.#store.read(children, [path, 1]));
  }

  commit(operations: readonly Operation[], guard: Guard | undefined): Promise<readonly OperationResult[]> {
    return this.#commits.commit(operations, guard);
  }

  enqueue(line: string, entry: LineEntry, look: LookAhead): Promise<Ticket> {
    return this.#lines.enqueue(line, entry, look);
  }

  standing(ticket: Ticket, look: LookAhead): Promise<Standing> {
    return this.#lines.standing(ticket, look);
  }

  leave(ticket: Ticket): Promise<void> {
    return this.#lines.leave(ticket);
  }

  entries(line: string, limit: number): Promise<readonly LineNode[]> {
    return this.#lines.entries(line, limit);
  }

  watchNode(path: string, sink: NodeSink): StopWatch {
    return this.#watches.follow(followNode(path, sink));
  }

  watchChildren(path: string, sink: ChildNamesSink): StopWatch {
    return this.#watches.follow(followChildNames(path, sink));
  }

  watchChildNodes(path: string, sink: ChildNodesSink): StopWatch {
    return this.#watches.follow(followChildNodes(path, sink));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  abandon(): void {
    this.#abandoned = true;
    this.#reaper.stop();
    this.#watches.close();
    this.#link.close();
  }

  async #close(): Promise<void> {
    if (this.#abandoned) return;
    this.#reaper.stop();
    this.#watches.close();
    const limitMs = Math.min(MAX_CLOSE_MS, this.timeoutMs);
    try {
      await this.#link.insist(limitMs, (connection) => this.#endAt(connection));
    } catch {
      // Out of reach, or over already: the session ends by itself.
    } finally {
      this.abandon();
    }
  }

  /** Piece by piece. To end a session twice is to end it once. */
  async #endAt(connection: Connection): Promise<void> {
    for (;;) {
      const reply = await connection.exec(end, [this.id]);
      if (reply[0] === 0) return;
    }
  }

  async #reap(): Promise<number> {
    const { connection } = this.#link;
    return numberAt(await connection.exec(reap, []), 1);
  }

  #over(cause: ConclaveError): ConclaveError {
    if (!this.#ended && !this.#abandoned && this.#closing === undefined) {
      this.#ended = true;
      this.#observer.ended(cause);
    }
    return cause;
  }
}
