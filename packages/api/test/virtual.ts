import { type Coordinator, connect } from "@conclave/api";
import { type MemoryBackend, MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";

export interface Client {
  readonly backend: MemoryBackend;
  readonly coordinator: Coordinator;
}

/** A store in virtual time, and clients of it. */
export function virtualStore() {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });
  /** Settles a call for which `ms` are enough. */
  const within = async <T>(ms: number, call: Promise<T>): Promise<T> => {
    let pending = true;
    const done = () => {
      pending = false;
    };
    call.then(done, done);
    await clock.advanceUntil(() => !pending, { withinMs: ms });
    return call;
  };
  const join = async (): Promise<Client> => {
    const backend = memory({ cluster });
    return { backend, coordinator: await within(1_000, connect(backend, { sessionTimeoutMs: 3_000 })) };
  };
  return { clock, cluster, within, join };
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

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
