import type { Task, WorkQueueOptions } from "@conclave/api";
import type { Kit, KitClient } from "../kit.js";
import { childrenAre, soonMs } from "./support.js";

export const path = "/q";

export function dataOf(task: Pick<Task, "data">): string {
  return new TextDecoder().decode(task.data);
}

/** The next task that a client is handed. */
export function take(kit: Kit, { coordinator }: KitClient, options: WorkQueueOptions = {}): Promise<Task> {
  return kit.within("a task", soonMs(kit), coordinator.workQueue(path, options).take());
}

/** Nothing is left of a queue: no task and no claim. */
export async function isEmpty(kit: Kit, client: KitClient): Promise<void> {
  await childrenAre(kit, client, `${path}/tasks`, 0);
  await childrenAre(kit, client, `${path}/claims`, 0);
}
