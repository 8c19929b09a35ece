import { connect } from "@conclave/api";
import { type MemoryBackend, MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";
import {
  Commands,
  type ConformanceTarget,
  type LinkFaults,
  type Need,
  type TestClient,
  type TestProcess,
} from "@conclave/conformance";

export const memoryOffers: readonly Need[] = [
  "link",
  "halfOpen",
  "requests",
  "notifications",
  "process",
  "expireSession",
  "restartServer",
  "writeForeign",
];

export interface MemoryTargetOptions {
  readonly sessionTimeoutMs: number;
}

/** The in-memory store as a target, in virtual time that passes by itself. */
export function memoryTarget({ sessionTimeoutMs }: MemoryTargetOptions): ConformanceTarget {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({
    clock,
    minSessionTimeoutMs: sessionTimeoutMs / 10,
    maxSessionTimeoutMs: sessionTimeoutMs * 100,
  });
  const pump = pumping(clock);
  const client = (): MemoryBackend => memory({ cluster });
  return {
    name: "memory",
    sessionTimeoutMs,
    // Timers of the store are exact; the observer hears of it in the same virtual millisecond.
    expiryBoundMs: 1,
    clock,
    client: async () => testClient(client()),
    process: async (namespace) => testProcess(client(), namespace, clock),
    expireSession: async ({ id }) => void cluster.expireSession(id),
    restartServer: async () => cluster.restart(),
    writeForeign: async (namespace, path, data) => {
      // There is no other way into this store than its own: the nearest is a client of the whole of it.
      const coordinator = await connect(client(), { sessionTimeoutMs });
      await coordinator.create(`${namespace}${path}/foreign`, data);
      await coordinator.close();
    },
    stop: () => pump.stop(),
  };
}

/** Lets virtual time pass, a millisecond in each turn of the event loop. */
function pumping(clock: VirtualClock): { stop(): Promise<void> } {
  let stopped = false;
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const run = async () => {
    while (!stopped) {
      await turn();
      await clock.advance(1);
    }
  };
  const running = run();
  return {
    async stop() {
      stopped = true;
      await running;
    },
  };
}

function testClient(backend: MemoryBackend): TestClient {
  const { faults, requests } = backend;
  const link: LinkFaults = {
    cut: async () => faults.cut(),
    refuse: async () => faults.refuse(),
    blackHole: async (only) => faults.blackHole({ only }),
    heal: async () => {
      faults.heal();
      faults.accept();
    },
    halfOpen: async () => faults.halfOpen(),
    dropNextReply: async () => faults.dropNextReply(),
    requests: () => requests.total - requests.of("watch"),
    notifications: () => requests.notifications,
  };
  return { backend, link, close: async () => {} };
}

/** A client that can be stopped as a process can: it shares nothing with the others but the store. */
function testProcess(backend: MemoryBackend, namespace: string, clock: VirtualClock): TestProcess {
  const { faults } = backend;
  const block = async (ms: number) => {
    faults.pause();
    await new Promise<void>((resolve) => clock.schedule(ms, resolve));
    faults.resume();
  };
  const commands = new Commands({ backend, namespace, block });
  let awake = Promise.resolve();
  let wake = () => {};
  return {
    run: async (command) => {
      await awake;
      return commands.run(command);
    },
    pause: async () => {
      awake = new Promise((resolve) => {
        wake = resolve;
      });
      faults.pause();
    },
    resume: async () => {
      faults.resume();
      wake();
    },
    // Stopped for ever, and its connections closed as the kernel does for a dead process.
    kill: async () => {
      faults.pause();
      faults.refuse();
    },
  };
}
