import type { Clock } from "../backend/clock.js";
import { ConclaveError } from "../errors.js";

/** How a session stands. `lost` and `closed` are for ever (SES-4, SES-9). */
export type SessionState = "connected" | "suspended" | "lost" | "closed";

export interface LeaseOptions {
  readonly clock: Clock;
  /** As granted by the store. */
  readonly timeoutMs: number;
  readonly openedAtMs: number;
  /** Renews at the store; resolves with the send time of the acknowledged request. */
  renew(timeoutMs: number): Promise<number>;
  changed(state: SessionState, reason: ConclaveError | undefined): void;
}

/** Share of the timeout by which the local deadline precedes the store's: room for clocks that run at different speeds. */
const marginShare = 0.05;

/**
 * Keeps one session's time: renews it every third of its timeout and knows when it can no longer be trusted.
 *
 * The deadline is the SEND time of the last acknowledged renewal, plus the granted timeout, less a margin (SES-3). The
 * store counts from when it received that renewal, which is later: so this side always gives up first. It is compared
 * at each use and not only by a timer, since timers of a process that was stopped fire late and in any order.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #intervalMs: number;
  readonly #marginMs: number;
  #state: SessionState = "connected";
  #renewedAtMs: number;
  #cause: unknown;
  /** When contact last broke: what was sent before says nothing of contact since. */
  #brokeAtMs = Number.NEGATIVE_INFINITY;
  #renewing = false;
  #cancelRenewal: () => void = () => {};
  #cancelDeadline: () => void = () => {};

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#intervalMs = options.timeoutMs / 3;
    this.#marginMs = options.timeoutMs * marginShare;
    this.#renewedAtMs = options.openedAtMs;
    this.#renewIn(this.#renewedAtMs + this.#intervalMs - options.clock.now());
    this.#watchDeadline();
  }

  /** The state now: past the deadline this is `lost`, whatever a timer has or has not done yet. */
  get state(): SessionState {
    if (this.#isLive && this.#options.clock.now() >= this.#deadlineMs) this.#lose(this.#cause);
    return this.#state;
  }

  /** Contact is in doubt: suspended, until a renewal is acknowledged. */
  disconnected(cause: unknown): void {
    if (!this.#isLive) return;
    this.#cause = cause;
    this.#brokeAtMs = this.#options.clock.now();
    if (this.#state === "connected") this.#move("suspended", undefined);
    this.#renewIn(0);
  }

  /** The store said that the session is over. */
  ended(cause: unknown): void {
    if (this.#isLive) this.#lose(cause);
  }

  close(): void {
    if (this.#isLive) this.#move("closed", new ConclaveError("CLOSED", "the session was closed"));
  }

  get #isLive(): boolean {
    return this.#state === "connected" || this.#state === "suspended";
  }

  get #deadlineMs(): number {
    return this.#renewedAtMs + this.#options.timeoutMs - this.#marginMs;
  }

  #renewIn(delayMs: number): void {
    this.#cancelRenewal();
    this.#cancelRenewal = this.#options.clock.schedule(Math.max(0, delayMs), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    // Past the deadline nothing is sent, and the session not prolonged at the store (SES-4).
    if (this.#renewing || this.state === "lost" || !this.#isLive) return;
    this.#renewing = true;
    try {
      const sentAtMs = await this.#options.renew(this.#intervalMs);
      this.#renewing = false;
      this.#acknowledged(sentAtMs);
    } catch (error) {
      this.#renewing = false;
      this.#refused(error);
    }
  }

  #acknowledged(sentAtMs: number): void {
    // The state is read through the deadline first: a reply that comes too late renews nothing.
    if (this.state !== "connected" && this.#state !== "suspended") return;
    this.#renewedAtMs = Math.max(this.#renewedAtMs, sentAtMs);
    this.#watchDeadline();
    if (sentAtMs < this.#brokeAtMs) {
      this.#renewIn(0);
      return;
    }
    this.#cause = undefined;
    if (this.#state === "suspended") this.#move("connected", undefined);
    this.#renewIn(this.#renewedAtMs + this.#intervalMs - this.#options.clock.now());
  }

  #refused(error: unknown): void {
    if (!this.#isLive) return;
    if (ConclaveError.is(error, "SESSION_LOST")) {
      this.#lose(error);
      return;
    }
    this.#cause = error;
    if (this.#state === "connected") this.#move("suspended", undefined);
    this.#renewIn(this.#options.timeoutMs / 30);
  }

  #watchDeadline(): void {
    this.#cancelDeadline();
    const { clock } = this.#options;
    this.#cancelDeadline = clock.schedule(Math.max(0, this.#deadlineMs - clock.now()), () => {
      // Rounding may wake us a little early.
      if (this.#isLive && this.state !== "lost") this.#watchDeadline();
    });
  }

  #lose(cause: unknown): void {
    const message = "the session was lost: its nodes and holds are gone or soon will be; open a new one";
    this.#move("lost", new ConclaveError("SESSION_LOST", message, { cause }));
  }

  #move(state: SessionState, reason: ConclaveError | undefined): void {
    this.#state = state;
    if (reason !== undefined) {
      this.#cancelRenewal();
      this.#cancelDeadline();
    }
    this.#options.changed(state, reason);
  }
}
