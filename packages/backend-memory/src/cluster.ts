import { type Clock, systemClock } from "@conclave/api/backend";
import { backgroundClock, clusterSettings, type MemoryClusterOptions } from "./options.js";
import type { RequestCounts } from "./requests.js";
import { Store } from "./store.js";

let storeOfCluster: (cluster: MemoryCluster) => Store;

/**
 * A store in this process's memory, for any number of clients: `memory({ cluster })`.
 *
 * It keeps the whole contract, and nothing outlives the process. A session expires exactly when its effective timeout
 * has passed since the store received the last renewal, by the cluster's clock.
 *
 * Throws `INVALID_ARGUMENT` for an unknown or impossible option.
 */
export class MemoryCluster {
  readonly #store: Store;
  /** As given; otherwise the process's. */
  readonly clock: Clock;

  static {
    storeOfCluster = (cluster) => cluster.#store;
  }

  constructor(options: MemoryClusterOptions = {}) {
    const settings = clusterSettings(options);
    this.#store = new Store(settings.clock, settings);
    this.clock = settings.clock === backgroundClock ? systemClock : settings.clock;
  }

  /** Ids of the sessions that live, in the order in which they were opened. */
  get sessions(): readonly string[] {
    return [...this.#store.sessions.keys()];
  }

  /** How many nodes there are, the root not counted. */
  get nodes(): number {
    return this.#store.tree.size;
  }

  /** What the store was asked, by all clients, since the last `requests.reset()`. */
  get requests(): RequestCounts {
    return this.#store.requests;
  }

  /**
   * Ends a session now, as if it had not been renewed in time: its ephemeral nodes go, and its client is told if it
   * has contact. False when no such session lives.
   */
  expireSession(id: string): boolean {
    const session = this.#store.sessions.get(id);
    if (session === undefined) return false;
    this.#store.end(session, "it was expired by hand");
    return true;
  }

  /**
   * Breaks every connection, as a restart of the server does. Nodes and sessions stay, clients connect again at once,
   * and the time of every session starts anew.
   */
  restart(): void {
    this.#store.restart();
  }
}

/** What a cluster hides from its users, for its clients. */
export function storeOf(cluster: MemoryCluster): Store {
  return storeOfCluster(cluster);
}
