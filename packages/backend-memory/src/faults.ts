export interface BlackHoleOptions {
  /** One direction alone: what the client sends, or all that comes to it. Default: both. */
  readonly only?: "requests" | "replies" | undefined;
}

/**
 * Faults of one client: of its way to the store, and of its own process. Each takes effect at once and lasts until it
 * is undone. Other clients of the same cluster go on undisturbed.
 */
export interface Faults {
  /** Contact breaks now: requests under way reject with `CONNECTION_LOST`. The client may connect again at once. */
  cut(): void;
  /**
   * The store's side of the connection vanishes and nobody tells the client: what it sends is lost, until a renewal
   * that gets no answer makes it connect anew.
   */
  halfOpen(): void;
  /** Contact breaks now, and new connections are refused until `accept()`. */
  refuse(): void;
  /** Ends `refuse()`; the client connects again by itself. */
  accept(): void;
  /**
   * Nothing passes in either direction and nothing fails, as when packets are dropped on the way. What was sent
   * arrives after `heal()`, unless its connection has been given up meanwhile.
   */
  blackHole(options?: BlackHoleOptions): void;
  /** Ends `blackHole()`. */
  heal(): void;
  /** From now on everything takes `ms` longer, in each direction. */
  delay(ms: number): void;
  /** The store applies the next request (renewals aside), its reply is lost, and contact breaks. */
  dropNextReply(): void;
  /**
   * The client's process stops, as after SIGSTOP: its timers don't run and it receives nothing, while its clock goes
   * on. What it sent before still arrives. Calls made on its behalf leave on `resume()`.
   */
  pause(): void;
  /**
   * Ends `pause()`: timers that fell due run now, late, in their order; then what has come in is received. On a
   * `VirtualClock` that takes the next `advance`, for which 0 ms are enough.
   */
  resume(): void;
}
