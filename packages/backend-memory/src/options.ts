import {
  type Clock,
  ConclaveError,
  maxDurationMs,
  rejectUnknownOptions,
  systemClock,
} from "@conclave/api/backend";
import type { MemoryCluster } from "./cluster.js";
import type { SessionLimits } from "./store.js";

export interface MemoryClusterOptions {
  /** What drives expiry and delays. Default: the process's clock; a `VirtualClock` in tests. */
  readonly clock?: Clock | undefined;
  /** Shorter session timeouts are raised to this. Default 1. */
  readonly minSessionTimeoutMs?: number | undefined;
  /** Longer session timeouts are lowered to this. Default, and at most, 2,147,483,647: what a timer can wait. */
  readonly maxSessionTimeoutMs?: number | undefined;
}

export interface MemoryOptions {
  /** The store to be a client of. Default: one of its own. */
  readonly cluster?: MemoryCluster | undefined;
  /** Of the store of its own; not together with `cluster`, which has its clock. */
  readonly clock?: Clock | undefined;
}

export interface ClusterSettings extends SessionLimits {
  readonly clock: Clock;
}

export function clusterSettings(options: MemoryClusterOptions): ClusterSettings {
  const where = "MemoryCluster";
  rejectUnknownOptions(where, options, ["clock", "minSessionTimeoutMs", "maxSessionTimeoutMs"]);
  const minSessionTimeoutMs = options.minSessionTimeoutMs ?? 1;
  const maxSessionTimeoutMs = options.maxSessionTimeoutMs ?? maxDurationMs;
  if (!(minSessionTimeoutMs > 0 && minSessionTimeoutMs <= maxSessionTimeoutMs)) {
    const message = `${where}: minSessionTimeoutMs must be above 0 and at most maxSessionTimeoutMs`;
    throw new ConclaveError("INVALID_ARGUMENT", message);
  }
  if (maxSessionTimeoutMs > maxDurationMs) {
    throw new ConclaveError("INVALID_ARGUMENT", `${where}: maxSessionTimeoutMs is at most ${maxDurationMs}`);
  }
  return { clock: options.clock ?? backgroundClock, minSessionTimeoutMs, maxSessionTimeoutMs };
}

export function checkMemoryOptions(options: MemoryOptions): void {
  rejectUnknownOptions("memory", options, ["cluster", "clock"]);
  if (options.cluster !== undefined && options.clock !== undefined) {
    throw new ConclaveError("INVALID_ARGUMENT", "memory: give the clock to the cluster, or no cluster");
  }
}

/** The process's clock, of which a waiting timer keeps no process alive: a server of its own would not either. */
export const backgroundClock: Clock = {
  now: systemClock.now,
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    // Simulated browsers have timers that are numbers.
    (timer as Partial<typeof timer>).unref?.();
    return () => clearTimeout(timer);
  },
};
