import { randomUUID } from "node:crypto";
import { ConclaveError } from "@conclave/api";
import { backendAt, removeTree } from "@conclave/examples/stores";
import { type DemoOptions, UsageError } from "./options.js";
import type { Runner, RunnerOptions } from "./runner.js";
import { memoryRunner } from "./runner-memory.js";
import { processesRunner } from "./runner-processes.js";
import { openStore, type ServerBackendName } from "./stores.js";

/** Where the story happens: a store and workers beside it. */
export interface Place {
  readonly runner: Runner;
  /** As shown to people. */
  readonly label: string;
  /** The session timeout that the store grants. */
  readonly timeoutMs: number;
  /** Stops the workers and then the store, and leaves nothing behind. */
  leave(): Promise<void>;
}

export interface PlaceOptions extends RunnerOptions {
  readonly signal: AbortSignal;
}

export async function placeFor({ backend, url }: DemoOptions, options: PlaceOptions): Promise<Place> {
  if (backend === "memory") {
    const runner = await memoryRunner(options);
    const { timeoutMs } = await runner.coordinator.session();
    return {
      runner,
      timeoutMs,
      label: label("one process, store in memory", timeoutMs),
      leave: () => runner.stop(),
    };
  }
  if (url !== undefined) await checkUrl(backend, url);
  const store = await openStore(backend, url);
  const address = { backend, url: store.url, namespace: `/conclave-demo-${randomUUID()}` };
  let runner: Runner | undefined;
  const leave = async () => {
    try {
      await runner?.stop();
      if (runner !== undefined && store.isForeign)
        await removeTree(await backendAt(backend, store.url), address.namespace);
    } finally {
      await store.stop();
    }
  };
  try {
    options.signal.throwIfAborted();
    runner = await processesRunner(address, options);
    const { timeoutMs } = await runner.coordinator.session();
    return { runner, timeoutMs, label: label(`a process each, ${store.label}`, timeoutMs), leave };
  } catch (error) {
    await leave();
    throw error;
  }
}

async function checkUrl(backend: ServerBackendName, url: string): Promise<void> {
  try {
    await backendAt(backend, url);
  } catch (error) {
    throw ConclaveError.is(error, "INVALID_ARGUMENT") ? new UsageError(`--url: ${error.message}`) : error;
  }
}

function label(where: string, timeoutMs: number): string {
  return `${where}, session timeout ${timeoutMs.toLocaleString("en")} ms`;
}
