import { ConclaveError, type Coordinator, connect } from "@conclave/api";
import type { Backend, BackendSession } from "@conclave/api/backend";
import {
  type Faults,
  type MemoryBackend,
  MemoryCluster,
  memory,
  VirtualClock,
} from "@conclave/backend-memory";

export const sessionTimeoutMs = 3_000;

export interface Client {
  readonly coordinator: Coordinator;
  readonly backend: MemoryBackend;
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

  /** Settles a call for which `ms` are enough. */
  const within = async <T>(ms: number, call: Promise<T>): Promise<T> => {
    const state = stateOf(call);
    await clock.advanceUntil(() => state.now !== "pending", { withinMs: ms });
    return call;
  };

  /** A connected client; `prepare` may change its sessions at the store before anybody uses them. */
  const join = async (prepare?: (session: BackendSession) => void): Promise<Client> => {
    const backend = memory({ cluster });
    const prepared = prepare === undefined ? backend : preparing(backend, prepare);
    const coordinator = await now(connect(prepared, { sessionTimeoutMs }));
    return { backend, faults: backend.faults, coordinator };
  };

  /** Ends the client's session at the store, and lets it have the next one. */
  const loseSession = async (coordinator: Coordinator) => {
    cluster.expireSession((await coordinator.session()).id);
    await clock.advance(1_000);
  };

  return { clock, cluster, now, within, join, loseSession };
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

/** Prepares sessions to which the store refuses, so many times, to remove a node or a place in a line. */
export function refusing(what: "delete" | "leave", times: number) {
  let refusals = 0;
  const unlessRefused = async <T>(call: () => Promise<T>): Promise<T> => {
    if (refusals === times) return call();
    refusals += 1;
    throw new ConclaveError("STORE_ERROR", "too many requests");
  };
  const prepare = (session: BackendSession) => {
    const [commit, leave] = [session.commit.bind(session), session.leave.bind(session)];
    if (what === "leave") session.leave = (ticket) => unlessRefused(() => leave(ticket));
    else {
      session.commit = (operations, guard) => {
        const call = () => commit(operations, guard);
        return operations[0]?.type === "delete" ? unlessRefused(call) : call();
      };
    }
  };
  return { prepare, refusals: () => refusals };
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

/** What became of a promise so far: `"pending"`, `"resolved"`, or the code of its error. */
export function stateOf(promise: Promise<unknown>): { readonly now: string } {
  const state = { now: "pending" };
  promise.then(
    () => {
      state.now = "resolved";
    },
    (error: { code?: string }) => {
      state.now = error.code ?? String(error);
    },
  );
  return state;
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
