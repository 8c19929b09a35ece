import type { Backend, BackendSession, Capabilities, Clock, OpenOptions } from "@conclave/api/backend";
import { ClientClock } from "./client-clock.js";
import { MemoryCluster, storeOf } from "./cluster.js";
import type { Faults } from "./faults.js";
import { Link } from "./link.js";
import { openSession } from "./open.js";
import { checkMemoryOptions, type MemoryOptions } from "./options.js";
import type { RequestCounts } from "./requests.js";

/** One client of a `MemoryCluster`. */
export class MemoryBackend implements Backend {
  readonly name = "memory";
  readonly capabilities: Capabilities = {
    transactions: true,
    guardedWrites: "transaction",
    fencing: "strict",
    durable: true,
  };
  /** Time as this client sees it: the cluster's, but timers wait while the client is paused. */
  readonly clock: Clock;
  /** The store that it is a client of. */
  readonly cluster: MemoryCluster;
  /** Breaks things for this client alone. */
  readonly faults: Faults;
  readonly #link: Link;

  constructor(options: MemoryOptions) {
    checkMemoryOptions(options);
    this.cluster = options.cluster ?? new MemoryCluster({ clock: options.clock });
    const clock = new ClientClock(this.cluster.clock);
    this.clock = clock;
    this.#link = new Link(clock);
    this.faults = this.#link;
  }

  /** What this client asked, and was notified of, since the last `requests.reset()`. */
  get requests(): RequestCounts {
    return this.#link.requests;
  }

  /** See `Backend.open`. Rejects with `CONNECT_FAILED` while the store refuses, and when contact breaks meanwhile. */
  open(options: OpenOptions): Promise<BackendSession> {
    return openSession(storeOf(this.cluster), this.#link, this.clock, options);
  }
}

/**
 * The in-memory backend, to be handed to `connect`: a client of `cluster`, or of a fresh store.
 *
 * Meets every clause of the contract; nothing outlives the process. Each call is another client, with faults of its
 * own (`faults`). Requests are answered without timers as long as no fault is set.
 *
 * Throws `INVALID_ARGUMENT` for an unknown option, or for both `cluster` and `clock`.
 */
export function memory(options: MemoryOptions = {}): MemoryBackend {
  return new MemoryBackend(options);
}
