import type { WorkerFact } from "./facts.js";
import type { StoreAddress } from "./stores.js";

/** What a worker process is told when it starts: its one argument, as JSON. */
export interface WorkerArguments extends StoreAddress {
  readonly name: string;
}

export type FromWorker =
  | { readonly type: "connected" }
  | { readonly type: "fact"; readonly fact: WorkerFact; readonly atMs: number }
  | { readonly type: "failed"; readonly message: string };

/** The only thing that the director says to a worker process. */
export const stopMessage = "stop";
