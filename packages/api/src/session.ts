import type { Operation, OperationResult } from "./backend/operations.js";
import type { BackendSession } from "./backend/session.js";
import type { StopWatch } from "./backend/watch.js";
import { checkOptions } from "./internal/check.js";
import { commit } from "./internal/commit.js";
import { iterable } from "./internal/latest.js";
import type { SessionState } from "./internal/lease.js";
import type { LiveSession } from "./internal/live-session.js";
import { states } from "./internal/states.js";
import { NodeClient, type StartWatch } from "./node-client.js";
import type { CallOptions } from "./node-writer.js";

/**
 * One life with the store. What belongs to it (ephemeral nodes, holds, watches) dies with it, visibly; once lost it is lost
 * for ever (SES-4), and the coordinator opens another.
 */
export class Session extends NodeClient {
  readonly #live: LiveSession;

  /** Sessions come from `coordinator.session()`. */
  constructor(live: LiveSession) {
    super();
    this.#live = live;
  }

  /** As the store names it, and as `node.ephemeralOwner` shows it. */
  get id(): string {
    return this.#live.id;
  }

  /** The session timeout in milliseconds as the store granted it, which may not be what was asked for (SES-1). */
  get timeoutMs(): number {
    return this.#live.timeoutMs;
  }

  /** `"connected"`, `"suspended"` while contact is in doubt, then `"lost"` or `"closed"` for ever. Compares the deadline at each use (SES-3). */
  get state(): SessionState {
    return this.#live.state;
  }

  /** Aborts exactly once, when the session is lost or closed; the reason is a `ConclaveError`, `SESSION_LOST` or `CLOSED` (SES-9). */
  get signal(): AbortSignal {
    // The state is read first: past the deadline that aborts the signal (SES-3).
    void this.#live.state;
    return this.#live.signal;
  }

  /** The state now and each later one, in order; ends after `"lost"` or `"closed"`. A slow reader may miss pairs that cancel out (SES-9). */
  states(options: CallOptions = {}): AsyncIterable<SessionState> {
    checkOptions("states", options, ["signal"]);
    return iterable(() => states(this.#live, options.signal));
  }

  /**
   * Ends the session: its ephemeral nodes vanish at once. Idempotent; works while partitioned, where it gives up telling the
   * store after a third of the session timeout (SES-10). The coordinator then opens another, as after a loss.
   */
  close(): Promise<void> {
    return this.#live.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected override commit(
    operations: readonly Operation[],
    signal: AbortSignal | undefined,
  ): Promise<readonly OperationResult[]> {
    return commit(this.#live, operations, undefined, signal);
  }

  protected override read<T>(
    call: (backend: BackendSession) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return this.#live.idempotent(call, signal);
  }

  protected override attach(start: StartWatch, ended: (reason: unknown) => void): StopWatch {
    return this.#live.watch(start, ended);
  }

  protected override checkAlive(): void {
    // Reading the state compares the deadline, and a loss ends the watches with its reason.
    void this.#live.state;
  }
}
