import { parseArgs } from "node:util";
import { type BackendName, backendNames } from "@conclave/examples/stores";

export interface DemoOptions {
  readonly backend: BackendName;
  /** An existing server; `undefined`: one is started for the occasion. */
  readonly url: string | undefined;
  readonly workers: number;
  readonly tasks: number;
}

/** What was asked for cannot be done; the message is for the person who asked. */
export class UsageError extends Error {}

const fewestWorkers = 2;
const mostWorkers = 32;
const mostTasks = 500;
const tasksPerWorker = 8;
/** Each of the two halves of the tasks must give every worker one. */
const fewestTasksPerWorker = 2;

export const usage = `Usage: npm run demo -- [options]

A cluster of workers elects a leader, which hands out tasks. The leader is killed; the others elect another,
finish what it left, and take it back as a follower. At the end what was promised is checked.

  --backend NAME   ${backendNames.join(", ")}. Default: memory, which needs no server.
  --url URL        a server that runs already, for zookeeper (host:port), etcd (http://host:port) or redis
                   (redis://host:port).
                   Default: one is started for the occasion and removed afterwards.
  --workers N      ${fewestWorkers} to ${mostWorkers}. Default: 4.
  --tasks N        ${fewestTasksPerWorker} to ${mostTasks}, at least ${fewestTasksPerWorker} for each worker. Default: ${tasksPerWorker} for each worker.
  --help           this text.

On zookeeper, etcd and redis each worker is a process of its own, and the leader's is killed with SIGKILL.
Exit status: 0 if every check held, 1 if not, 2 for a wrong option.
`;

/** Reads the command line; throws `UsageError`. */
export function parseOptions(args: readonly string[]): DemoOptions | "help" {
  const values = parse(args);
  if (values.help === true) return "help";
  const backend = backendNames.find((name) => name === (values.backend ?? "memory"));
  if (backend === undefined) {
    throw new UsageError(`--backend ${values.backend}: it is one of ${backendNames.join(", ")}`);
  }
  const { url } = values;
  if (url !== undefined && backend === "memory") {
    throw new UsageError("--url: the memory backend has no server; add --backend zookeeper, etcd or redis");
  }
  if (url === "") throw new UsageError("--url: it must not be empty");
  const workers = count("--workers", values.workers, { fewest: fewestWorkers, most: mostWorkers }) ?? 4;
  const limits = { fewest: fewestTasksPerWorker * workers, most: mostTasks };
  const tasks = count("--tasks", values.tasks, limits) ?? tasksPerWorker * workers;
  return { backend, url, workers, tasks };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        backend: { type: "string" },
        url: { type: "string" },
        workers: { type: "string" },
        tasks: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(
  option: string,
  text: string | undefined,
  { fewest, most }: { readonly fewest: number; readonly most: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= fewest && value <= most) return value;
  throw new UsageError(`${option} ${text}: it is a whole number from ${fewest} to ${most} here`);
}
