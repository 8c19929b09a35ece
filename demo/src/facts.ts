import type { SessionState } from "@conclave/api";

/** What a worker says of itself, when it happens. */
export type WorkerFact =
  | { readonly type: "session"; readonly state: SessionState; readonly timeoutMs: number }
  | { readonly type: "follows"; readonly leader: string; readonly token: bigint }
  | { readonly type: "elected"; readonly token: bigint }
  | { readonly type: "deposed"; readonly token: bigint }
  /** As the leader: the workers that live. */
  | { readonly type: "sees"; readonly workers: readonly string[] }
  /** As the leader: gave a task to a worker, perhaps one that it had to take from another. */
  | {
      readonly type: "assigned";
      readonly task: string;
      readonly to: string;
      readonly from: string | undefined;
      readonly token: bigint;
    }
  | { readonly type: "took"; readonly task: string }
  | { readonly type: "done"; readonly task: string };

/** What the director does to the cluster. */
export type DirectorFact =
  | { readonly type: "opened"; readonly workers: readonly string[] }
  | { readonly type: "started" }
  | { readonly type: "published"; readonly tasks: readonly string[] }
  /** The worker is dead by now. */
  | { readonly type: "killed" };

/** A worker may live several times under one name. */
export interface Life {
  readonly worker: string;
  /** 1 for the first. */
  readonly life: number;
}

export type Entry = Life & { readonly atMs: number } & (WorkerFact | DirectorFact);

export type EntryOf<Type extends Entry["type"]> = Extract<Entry, { readonly type: Type }>;

export const director: Life = { worker: "director", life: 1 };

/**
 * Monotonic milliseconds since the machine started: unlike `performance.now()` the same clock for all processes of
 * one machine, so that what one worker says can be put in order with what another says.
 */
export function machineNowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
