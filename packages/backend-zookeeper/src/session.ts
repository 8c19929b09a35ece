import {
  type BackendSession,
  type Child,
  type ChildNamesSink,
  type ChildNode,
  type ChildNodesSink,
  type Clock,
  ConclaveError,
  type Guard,
  type LineEntry,
  type LineNode,
  type LookAhead,
  type Node,
  type NodeSink,
  type Operation,
  type OperationResult,
  type ReadOptions,
  type Standing,
  type StopWatch,
  type Ticket,
} from "@conclave/api/backend";
import { Commits } from "./commit.js";
import type { GrantedSession } from "./driver.js";
import { toConclaveError } from "./errors.js";
import { Lines } from "./line.js";
import type { Link } from "./link.js";
import type { Namespace } from "./paths.js";
import { Reads } from "./reads.js";
import { Renewals } from "./renew.js";
import type { Watches } from "./watch.js";

/** How long `close` waits for a connection and for the server, at most. */
const LONGEST_CLOSE_MS = 2_000;

export interface SessionParts {
  readonly granted: GrantedSession;
  readonly openedAtMs: number;
  readonly clock: Clock;
  readonly link: Link;
  readonly namespace: Namespace;
  readonly watches: Watches;
  /** See `RenewalOptions`. */
  readonly isEnsemble: boolean;
}

/** A session of ZooKeeper's, over however many connections it takes. */
export class ZooKeeperSession implements BackendSession {
  readonly id: string;
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  readonly #clock: Clock;
  readonly #link: Link;
  readonly #namespace: Namespace;
  readonly #renewals: Renewals;
  readonly #reads: Reads;
  readonly #commits: Commits;
  readonly #lines: Lines;
  readonly #watches: Watches;

  constructor(parts: SessionParts) {
    this.id = parts.granted.id;
    this.timeoutMs = parts.granted.timeoutMs;
    this.openedAtMs = parts.openedAtMs;
    this.#clock = parts.clock;
    this.#link = parts.link;
    this.#namespace = parts.namespace;
    this.#watches = parts.watches;
    this.#renewals = new Renewals({
      link: parts.link,
      clock: parts.clock,
      path: parts.namespace.root,
      sessionTimeoutMs: parts.granted.timeoutMs,
      isEnsemble: parts.isEnsemble,
    });
    this.#reads = new Reads(parts.link, parts.namespace);
    this.#commits = new Commits(parts.link, parts.namespace);
    this.#lines = new Lines(parts.link, parts.namespace);
  }

  renew(timeoutMs: number): Promise<number> {
    return this.#renewals.renew(timeoutMs);
  }

  get(path: string, options: ReadOptions): Promise<Node | undefined> {
    return this.#reads.get(path, options);
  }

  children(path: string, options: ReadOptions): Promise<readonly Child[] | undefined> {
    return this.#reads.children(path, options);
  }

  childNodes(path: string, options: ReadOptions): Promise<readonly ChildNode[] | undefined> {
    return this.#reads.childNodes(path, options);
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
    return this.#watches.watchNode(path, sink);
  }

  watchChildren(path: string, sink: ChildNamesSink): StopWatch {
    return this.#watches.watchChildren(path, sink);
  }

  watchChildNodes(path: string, sink: ChildNodesSink): StopWatch {
    return this.#watches.watchChildNodes(path, sink);
  }

  /** There is another connection. */
  reconnected(): void {
    this.#watches.reconnected();
    this.#renewals.reconnected();
  }

  async close(): Promise<void> {
    this.#watches.stopAll();
    this.#renewals.stop();
    const limitMs = Math.min(LONGEST_CLOSE_MS, this.timeoutMs);
    const deadline = this.#clock.now() + limitMs;
    const abort = new AbortController();
    const cancel = this.#clock.schedule(limitMs, () => {
      abort.abort(new ConclaveError("CONNECTION_LOST", `no connection to ZooKeeper within ${limitMs} ms`));
    });
    try {
      const connection = await this.#link.connected(abort.signal);
      // From here on, the end of the connection is no disconnection.
      this.#link.abandon(closed(), { keepConnection: true });
      await connection.closeSession(Math.max(1, deadline - this.#clock.now()));
    } catch (error) {
      if (ConclaveError.is(error, "SESSION_LOST") || ConclaveError.is(error, "CLOSED")) return;
      throw toConclaveError(error, "/");
    } finally {
      cancel();
      this.abandon();
    }
  }

  abandon(): void {
    this.#watches.stopAll();
    this.#renewals.stop();
    this.#link.abandon(new ConclaveError("SESSION_LOST", "the session was given up"));
  }
}

function closed(): ConclaveError {
  return new ConclaveError("CLOSED", "the session was closed");
}
