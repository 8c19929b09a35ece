import { ConclaveError, type Coordinator, type Leadership } from "@conclave/api";
import type { WorkerFact } from "./facts.js";
import { doAssignments } from "./follower.js";
import { decodeText, paths, service } from "./layout.js";
import { handOutTasks } from "./leader.js";

export interface WorkerContext {
  readonly coordinator: Coordinator;
  readonly name: string;
  /** Stops the worker. */
  readonly signal: AbortSignal;
  readonly report: (fact: WorkerFact) => void;
}

/**
 * A worker: registers, stands for election, does what it is assigned, and hands out tasks while it leads. It knows a
 * coordinator and not which store is underneath, nor whether its peers are other processes. Resolves when stopped.
 */
export async function runWorker(context: WorkerContext): Promise<void> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([context.signal, stopping.signal]);
  const parts = [reportSessions, register, observeLeader, standForElection, doAssignments];
  try {
    await Promise.all(parts.map((part) => part({ ...context, signal })));
  } catch (error) {
    if (!context.signal.aborted || !ConclaveError.is(error)) throw error;
  } finally {
    // When one part fails, the others stop too.
    stopping.abort();
  }
}

async function reportSessions({ coordinator, signal, report }: WorkerContext): Promise<void> {
  for await (const session of coordinator.sessions({ signal })) {
    const { timeoutMs } = session;
    for await (const state of session.states({ signal })) report({ type: "session", state, timeoutMs });
  }
}

async function register({ coordinator, name, signal }: WorkerContext): Promise<void> {
  // Nobody connects to a worker of this demo; the directory wants to know where it could be done.
  const address = { address: "127.0.0.1", port: 9 };
  const discovery = coordinator.discovery(paths.services);
  const registration = await discovery.register({ name: service, id: name, ...address }, { signal });
  await aborted(signal);
  await registration.unregister();
}

async function observeLeader({ coordinator, name, signal, report }: WorkerContext): Promise<void> {
  for await (const leader of coordinator.election(paths.election).observe({ signal })) {
    const leaderName = leader && decodeText(leader.data);
    if (leader === undefined || leaderName === undefined || leaderName === name) continue;
    report({ type: "follows", leader: leaderName, token: leader.token });
  }
}

async function standForElection(context: WorkerContext): Promise<void> {
  const { coordinator, name, signal, report } = context;
  const work = async (leadership: Leadership) => {
    const { token } = leadership;
    report({ type: "elected", token });
    leadership.signal.addEventListener("abort", () => report({ type: "deposed", token }), { once: true });
    await handOutTasks(leadership, context);
  };
  await coordinator.election(paths.election).lead(work, { data: name, signal });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
