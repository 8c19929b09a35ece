import { machineNowMs, type WorkerFact } from "./facts.js";
import { type FromWorker, stopMessage, type WorkerArguments } from "./messages.js";
import { connectTo } from "./stores.js";
import { runWorker } from "./worker.js";

/* One worker in a process of its own: runs the worker over a connection of its own and tells the director what happens. */

const { name, ...address } = JSON.parse(process.argv[2] ?? "{}") as WorkerArguments;
const stopping = new AbortController();

process.on("message", (message) => {
  if (message === stopMessage) stopping.abort();
});
// The director decides when to stop, also on Ctrl-C, which a terminal sends to all; without it there is nothing to do.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());

try {
  const coordinator = await connectTo(address);
  await tell({ type: "connected" });
  const { signal } = stopping;
  const report = (fact: WorkerFact) => void tell({ type: "fact", fact, atMs: machineNowMs() });
  try {
    await runWorker({ coordinator, name, signal, report });
  } finally {
    await coordinator.close();
  }
} catch (error) {
  await tell({ type: "failed", message: error instanceof Error ? error.message : String(error) });
}
process.disconnect?.();

/** Resolves when it is sent, or never will be: then the director is gone, and this process is about to end. */
function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });
}
