import { type Coordinator, connect } from "@conclave/api";
import type { Backend, BackendSession } from "@conclave/api/backend";
import { type Faults, MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";

export const sessionTimeoutMs = 3_000;

export interface Client {
  readonly coordinator: Coordinator;
  /** Of its way to the store. */
  readonly faults: Faults;
}

/** A store in virtual time, and ways to use it and to hurt it. */
export function memoryStore() {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });

  /** Settles a call that needs no time of its own. */
  const now = async <T>(call: Promise<T>): Promise<T> => {
    call.catch(() => {});
    await clock.advance(0);
    return call;
  };

  /** A connected client; `prepare` may change its sessions at the store before anybody uses them. */
  const join = async (prepare?: (session: BackendSession) => void): Promise<Client> => {
    const backend = memory({ cluster });
    const prepared = prepare === undefined ? backend : preparing(backend, prepare);
    return { faults: backend.faults, coordinator: await now(connect(prepared, { sessionTimeoutMs })) };
  };

  /** Ends the client's session at the store, and lets it have the next one. */
  const loseSession = async (coordinator: Coordinator) => {
    cluster.expireSession((await coordinator.session()).id);
    await clock.advance(1_000);
  };

  return { clock, cluster, now, join, loseSession };
}

export type MemoryStore = ReturnType<typeof memoryStore>;

/** A backend each of whose sessions is changed before it is used: to watch what is asked of it, or to have that fail. */
export function preparing(inner: Backend, prepare: (session: BackendSession) => void): Backend {
  return {
    name: inner.name,
    capabilities: inner.capabilities,
    clock: inner.clock,
    async open(options) {
      const session = await inner.open(options);
      prepare(session);
      return session;
    },
  };
}

/** Reads an iterable as fast as it comes; `values` holds what it yielded so far. */
export function reading<T>(source: AsyncIterable<T>): {
  readonly values: T[];
  readonly ended: Promise<unknown>;
} {
  const values: T[] = [];
  const read = async () => {
    for await (const value of source) values.push(value);
  };
  const ended = read().catch((error: unknown) => error);
  return { values, ended };
}
