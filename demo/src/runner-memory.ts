import { type Coordinator, connect } from "@conclave/api";
import { MemoryCluster, memory } from "@conclave/backend-memory";
import { machineNowMs } from "./facts.js";
import { Lives, type Runner, type RunnerOptions } from "./runner.js";
import { sessionTimeoutMs } from "./stores.js";
import { runWorker } from "./worker.js";

interface Living {
  /** Stops its client for good, as SIGKILL stops a process: nothing of it reaches the store or the history any more. */
  kill(): void;
  stop(): Promise<void>;
}

/** All workers in this process, each a client of its own of one store in memory. */
export async function memoryRunner({ history, failed }: RunnerOptions): Promise<Runner> {
  const cluster = new MemoryCluster();
  const lives = new Lives();
  const living = new Map<string, Living>();
  const timeouts = { sessionTimeoutMs: sessionTimeoutMs.memory };
  const coordinator = await connect(memory({ cluster }), timeouts);

  const start = async (worker: string) => {
    const life = lives.next(worker);
    const client = memory({ cluster });
    const stopping = new AbortController();
    let isDead = false;
    history.add({ type: "started", worker, life, atMs: machineNowMs() });
    const own: Coordinator = await connect(client, timeouts);
    const running = runWorker({
      coordinator: own,
      name: worker,
      signal: stopping.signal,
      report: (fact) => {
        if (!isDead) history.add({ ...fact, worker, life, atMs: machineNowMs() });
      },
    }).catch((error: unknown) => {
      if (!isDead) failed(new Error(`${worker} failed`, { cause: error }));
    });
    living.set(worker, {
      kill: () => {
        isDead = true;
        client.faults.pause();
      },
      stop: async () => {
        stopping.abort();
        await running;
        await own.close();
      },
    });
  };

  return {
    coordinator,
    start,
    kill: async (worker) => {
      living.get(worker)?.kill();
      living.delete(worker);
    },
    stop: async () => {
      const all = [...living.values()];
      living.clear();
      await Promise.all(all.map((worker) => worker.stop()));
      await coordinator.close();
    },
  };
}
