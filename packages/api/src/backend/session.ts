import type { LineEntry, LineNode, LookAhead, Standing, Ticket } from "./line.js";
import type { Child, ChildNode, Guard, Node, Operation, OperationResult } from "./operations.js";
import type { ChildNamesSink, ChildNodesSink, NodeSink, StopWatch } from "./watch.js";

export interface ReadOptions {
  /** See everything acknowledged to anybody before the call (READ-2). */
  readonly linearizable: boolean;
}

/**
 * One session at the store.
 *
 * The caller passes valid paths relative to the namespace, complete arguments and data within the limit, and never
 * calls after `close` or `abandon`. It alone keeps time: it renews, it decides that the session is lost, and it then
 * settles what is pending, ends the watches and calls `abandon`.
 *
 * Every method rejects with a `ConclaveError`. When contact breaks during a call: `CONNECTION_LOST`, with outcome
 * `"unknown"` if the request may have been sent, else `"not-applied"`. While there is no contact, reads and writes
 * reject at once with `CONNECTION_LOST`, `"not-applied"`; nothing is queued and nothing is sent twice, except to
 * resolve a lost reply (OUT-3): that waits for contact, within the call, until `abandon`. `SESSION_LOST` when the store says that the
 * session is over, with outcome `"not-applied"`; whether `observer.ended` is told as well makes no difference. Reads need not ask
 * whether the session lives, but for `standing`.
 */
export interface BackendSession {
  readonly id: string;
  /** As the store granted it (SES-1). */
  readonly timeoutMs: number;
  /** When the request that created the session was sent, by the backend's clock. */
  readonly openedAtMs: number;

  /**
   * Renews the session, waiting for the connection if there is none. Resolves, on the store's acknowledgement, with
   * the time at which the acknowledged request was sent. Where every request renews the session at the store, it may be
   * one that was acknowledged before this call, but none of which an earlier call has told. Where the server that
   * answers is not the one that decides when the session is over, only what shows that the latter has heard counts.
   * Rejects with `CONNECTION_LOST` after `timeoutMs`, and then gives up the connection that did not answer, so that a
   * half-open one is replaced.
   */
  renew(timeoutMs: number): Promise<number>;

  get(path: string, options: ReadOptions): Promise<Node | undefined>;
  /** `undefined` when the node does not exist. In no particular order. */
  children(path: string, options: ReadOptions): Promise<readonly Child[] | undefined>;
  childNodes(path: string, options: ReadOptions): Promise<readonly ChildNode[] | undefined>;

  /**
   * Applies one operation, or several all or nothing (only where `capabilities.transactions`). The store refuses it
   * when this session is over there (SES-5) and, with a guard, when the guard does not hold (LEAD-4; see
   * `capabilities.guardedWrites`). Operations take effect in order; no path is written twice in one call. The error
   * of a failed operation carries its index, 0 for a single one, and its `path`: of the operation, but for a create whose parent is
   * missing that of the parent. A failed guard has none. A commit with a sequential or ephemeral create in it, alone or in a transaction,
   * is resolved when its reply is lost (OUT-3), with all its results.
   */
  commit(operations: readonly Operation[], guard: Guard | undefined): Promise<readonly OperationResult[]>;

  /** Joins a line (made, with its ancestors, when missing) at its end. A lost reply is resolved: one entry, or none (OUT-3). */
  enqueue(line: string, entry: LineEntry, look: LookAhead): Promise<Ticket>;
  /**
   * Reads, linearizably, whether the entry still stands and belongs to this session, and who is ahead. When the session is over at
   * the store it rejects with `SESSION_LOST`, and does not say that the entry is gone: whoever waited must hear of the loss (LEAD-8).
   */
  standing(ticket: Ticket, look: LookAhead): Promise<Standing>;
  /** Removes exactly this entry, if it still stands (LEAD-7). Not called once a watch has shown that it is gone. */
  leave(ticket: Ticket): Promise<void>;
  /** Reads the entries of a line, linearizably, first to last, at most `limit` of them; empty when nobody stands there. */
  entries(line: string, limit: number): Promise<readonly LineNode[]>;

  /** Watches begin also while there is no contact, and then report as soon as there is. They outlive every disconnection. */
  watchNode(path: string, sink: NodeSink): StopWatch;
  watchChildren(path: string, sink: ChildNamesSink): StopWatch;
  watchChildNodes(path: string, sink: ChildNodesSink): StopWatch;

  /**
   * Ends the session at the store, so that its ephemeral nodes are gone when it resolves, and frees everything. Without contact it
   * may wait for it or reject: the caller waits only a while, and then calls `abandon`.
   */
  close(): Promise<void>;
  /** Frees everything on this side without asking the store: connections, timers, watches. Idempotent, also after `close`. */
  abandon(): void;
}
