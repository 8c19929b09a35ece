import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { machineNowMs } from "./facts.js";
import { type FromWorker, stopMessage, type WorkerArguments } from "./messages.js";
import { Lives, type Runner, type RunnerOptions } from "./runner.js";
import { connectTo, type StoreAddress } from "./stores.js";

const module = fileURLToPath(new URL("./worker-process.js", import.meta.url));
/** How long a worker that was asked to stop may take before it is killed. */
const stopTimeoutMs = 3_000;

interface Living {
  readonly child: ChildProcess;
  readonly exit: Promise<void>;
  /** From now on its end is no surprise. */
  expectEnd(): void;
}

/** Each worker in a process of its own, over a real store. */
export async function processesRunner(
  address: StoreAddress,
  { history, failed }: RunnerOptions,
): Promise<Runner> {
  const lives = new Lives();
  const living = new Map<string, Living>();
  const coordinator = await connectTo(address);

  const start = (worker: string) => {
    const life = lives.next(worker);
    history.add({ type: "started", worker, life, atMs: machineNowMs() });
    const given: WorkerArguments = { ...address, name: worker };
    const child = fork(module, [JSON.stringify(given)], {
      // Fencing tokens are bigints.
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [],
    });
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-4_000);
    });
    let isExpected = false;
    return new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        if (isExpected) return;
        isExpected = true;
        const error = new Error(`${worker}: ${why}`);
        reject(error);
        failed(error);
      };
      const exit = new Promise<void>((exited) => {
        // "close" comes after "exit", when everything that it said is here.
        child.once("close", (code, signal) => {
          fail(`its process ended with ${signal ?? `status ${code}`}\n${errors}`.trimEnd());
          exited();
        });
        child.once("error", (error) => {
          fail(error.message);
          exited();
        });
      });
      child.on("message", (message: FromWorker) => {
        if (message.type === "connected") resolve();
        else if (message.type === "failed") fail(message.message);
        else history.add({ ...message.fact, worker, life, atMs: message.atMs });
      });
      living.set(worker, {
        child,
        exit,
        expectEnd: () => {
          isExpected = true;
          resolve();
        },
      });
    });
  };

  const stopOne = async ({ child, exit, expectEnd }: Living) => {
    expectEnd();
    if (child.connected) child.send(stopMessage, () => {});
    const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await exit;
    clearTimeout(timer);
  };

  return {
    coordinator,
    start,
    kill: async (worker) => {
      const victim = living.get(worker);
      living.delete(worker);
      victim?.expectEnd();
      victim?.child.kill("SIGKILL");
      await victim?.exit;
    },
    stop: async () => {
      const all = [...living.values()];
      living.clear();
      await Promise.all(all.map(stopOne));
      await coordinator.close();
    },
  };
}
