/** What a client asks of the store in one round trip. */
export type RequestMethod =
  | "open"
  | "connect"
  | "renew"
  | "get"
  | "children"
  | "childNodes"
  | "commit"
  | "resolve"
  | "enqueue"
  | "standing"
  | "leave"
  | "entries"
  | "watch"
  | "close";

/** Counts the requests that reached a store: for tests of what a call costs. */
export class RequestCounts {
  readonly #counts = new Map<RequestMethod, number>();
  #notifications = 0;

  /** Requests of this method since the last `reset`. */
  of(method: RequestMethod): number {
    return this.#counts.get(method) ?? 0;
  }

  /** All requests since the last `reset`, but for `renew` and `connect`, which no call asked for. */
  get total(): number {
    let total = 0;
    for (const [method, count] of this.#counts)
      if (method !== "renew" && method !== "connect") total += count;
    return total;
  }

  /** Watch notifications delivered since the last `reset`; the state that a watch begins with is none. */
  get notifications(): number {
    return this.#notifications;
  }

  /** Sets all counts to 0. */
  reset(): void {
    this.#counts.clear();
    this.#notifications = 0;
  }

  /** @internal */
  received(method: RequestMethod): void {
    this.#counts.set(method, (this.#counts.get(method) ?? 0) + 1);
  }

  /** @internal */
  notified(): void {
    this.#notifications += 1;
  }
}
