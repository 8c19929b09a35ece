import type { Coordinator, Hold } from "@conclave/api";

/** What a test process can hold: how it is acquired under a path. */
const acquisitions = {
  election: (coordinator: Coordinator, path: string) => coordinator.election(path).campaign(),
  lock: (coordinator: Coordinator, path: string) => coordinator.lock(path).acquire(),
  "read lock": (coordinator: Coordinator, path: string) => coordinator.readWriteLock(path).read.acquire(),
  "write lock": (coordinator: Coordinator, path: string) => coordinator.readWriteLock(path).write.acquire(),
  semaphore: (coordinator: Coordinator, path: string) =>
    coordinator.semaphore(path, { permits: 1 }).acquire(),
} satisfies Record<string, (coordinator: Coordinator, path: string) => Promise<Hold>>;

export type HoldKind = keyof typeof acquisitions;

export const holdKinds = Object.keys(acquisitions) as readonly HoldKind[];

/** Waits for its turn and resolves with the hold. */
export function acquireHold(coordinator: Coordinator, kind: HoldKind, path: string): Promise<Hold> {
  return acquisitions[kind](coordinator, path);
}
