import type { Coordinator, Hold, Partition, Task } from "@conclave/api";

/** What a test process can hold: how it is acquired under a path. */
const acquisitions = {
  election: (coordinator: Coordinator, path: string) => coordinator.election(path).campaign(),
  lock: (coordinator: Coordinator, path: string) => coordinator.lock(path).acquire(),
  "read lock": (coordinator: Coordinator, path: string) => coordinator.readWriteLock(path).read.acquire(),
  "write lock": (coordinator: Coordinator, path: string) => coordinator.readWriteLock(path).write.acquire(),
  semaphore: (coordinator: Coordinator, path: string) =>
    coordinator.semaphore(path, { permits: 1 }).acquire(),
  task: takeTask,
  partition: ownPartition,
} satisfies Record<string, (coordinator: Coordinator, path: string) => Promise<Hold>>;

export type HoldKind = keyof typeof acquisitions;

export const holdKinds = Object.keys(acquisitions) as readonly HoldKind[];

/** Waits for its turn and resolves with the hold. */
export function acquireHold(coordinator: Coordinator, kind: HoldKind, path: string): Promise<Hold> {
  return acquisitions[kind](coordinator, path);
}

/** The one task of a queue: put by whoever comes first. */
async function takeTask(coordinator: Coordinator, path: string): Promise<Task> {
  const queue = coordinator.workQueue(path);
  const { ready, claimed } = await queue.size();
  if (ready + claimed === 0) await queue.put("task");
  return queue.take();
}

/** The one partition of a partitioner, whose members have one id, so that the first to come owns it. */
function ownPartition(coordinator: Coordinator, path: string): Promise<Partition> {
  return new Promise((resolve, reject) => {
    coordinator.partitioner(path, { partitions: 1, id: "owner" }).run(resolve).catch(reject);
  });
}
