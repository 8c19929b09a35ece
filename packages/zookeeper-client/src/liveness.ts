/** Of the session's timeout: after so long without sending, a ping is sent; the answer may take as long again. */
const SHARE = 1 / 3;

export interface LivenessOptions {
  readonly timeoutMs: number;
  /** Time to say something, so that the server answers. */
  ping(): void;
  /** The server has been silent for two thirds of the timeout although it was asked. */
  silent(silentMs: number): void;
}

/**
 * Watches over one connection with one timer. What is asked in the course of work counts as much as a ping.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #shareMs: number;
  #timer: NodeJS.Timeout | undefined;
  #checking: NodeJS.Immediate | undefined;
  #sentAtMs = performance.now();
  #heardAtMs = this.#sentAtMs;
  /** When something was first sent since the server was last heard: a pause of this process is no silence of the server. */
  #askedAtMs: number | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#shareMs = options.timeoutMs * SHARE;
    this.#arm();
  }

  sent(nowMs: number): void {
    this.#sentAtMs = nowMs;
    this.#askedAtMs ??= nowMs;
  }

  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#askedAtMs = undefined;
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#checking);
  }

  #arm(): void {
    const dueMs = Math.min(this.#sentAtMs + this.#shareMs, this.#silentAtMs()) - performance.now();
    this.#timer = setTimeout(() => this.#due(), Math.max(1, Math.ceil(dueMs)));
  }

  /** When the silence will have lasted too long. */
  #silentAtMs(): number {
    if (this.#askedAtMs === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(this.#heardAtMs + 2 * this.#shareMs, this.#askedAtMs + this.#shareMs);
  }

  #due(): void {
    if (performance.now() < this.#silentAtMs()) {
      this.#pingIfDue();
      return;
    }
    // After a pause of this process, what has arrived meanwhile is read first.
    this.#checking = setImmediate(() => {
      const nowMs = performance.now();
      if (nowMs >= this.#silentAtMs()) this.#options.silent(nowMs - this.#heardAtMs);
      else this.#pingIfDue();
    });
  }

  #pingIfDue(): void {
    if (performance.now() >= this.#sentAtMs + this.#shareMs) {
      this.#options.ping();
      // Counted from here even if the socket takes nothing at present.
      this.sent(performance.now());
    }
    this.#arm();
  }
}
