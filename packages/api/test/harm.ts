import type { MemoryCluster } from "@conclave/backend-memory";
import type { Client } from "./support.js";

export function oneOf<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T;
}

export interface HarmOptions {
  readonly cluster: MemoryCluster;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** A session is about to end at the store, of which its client hears later. */
  endsSession(id: string): void;
}

/** Hurts a client in one of the ways that there are; resolves when the fault has passed. */
export async function harm({ backend, coordinator }: Client, options: HarmOptions): Promise<void> {
  const { cluster, random, sleep, endsSession } = options;
  const kind = random();
  if (kind < 0.2) backend.faults.cut();
  else if (kind < 0.6) backend.faults.dropNextReply();
  else if (kind < 0.7) backend.faults.halfOpen();
  else if (kind < 0.8) {
    const { id } = await coordinator.session();
    endsSession(id);
    cluster.expireSession(id);
  } else if (kind < 0.86) {
    backend.faults.pause();
    await sleep(random() * 4_000);
    backend.faults.resume();
  } else {
    backend.faults.blackHole();
    await sleep(random() * 700);
    backend.faults.heal();
  }
}
