import type { Coordinator } from "@conclave/api";
import type { History } from "./history.js";

/** How workers are run, the only thing that depends on where they run. */
export interface Runner {
  /** For the director itself. */
  readonly coordinator: Coordinator;
  /** Starts a worker; resolves when it is connected. */
  start(worker: string): Promise<void>;
  /** Kills it: it has no chance to say or write anything more. Resolves when it is dead. */
  kill(worker: string): Promise<void>;
  /** Stops what still runs. Idempotent. */
  stop(): Promise<void>;
}

export interface RunnerOptions {
  readonly history: History;
  /** Called when a worker ends although nobody killed or stopped it. */
  readonly failed: (error: Error) => void;
}

/** Counts the lives of the workers. */
export class Lives {
  readonly #lives = new Map<string, number>();

  next(worker: string): number {
    const life = (this.#lives.get(worker) ?? 0) + 1;
    this.#lives.set(worker, life);
    return life;
  }
}
