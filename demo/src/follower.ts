import { decodeAssignment, decodeText, encodeResult, paths } from "./layout.js";
import { ensureNode } from "./repeatable.js";
import { carryOut } from "./task.js";
import type { WorkerContext } from "./worker.js";

/**
 * Does the tasks that this worker is assigned, one after another. A task may be done twice, when it was taken from a
 * worker that was not quite dead: the first result stands, and the second is the same.
 */
export async function doAssignments(context: WorkerContext): Promise<void> {
  const { coordinator, name, report, signal } = context;
  const finished = new Set<string>();
  for await (const assignments of coordinator.watchChildNodes(paths.assignedTo(name), { signal })) {
    for (const { name: task, node } of assignments ?? []) {
      if (finished.has(task)) continue;
      const order = await coordinator.get(paths.task(task), { signal });
      if (order === undefined) continue;
      report({ type: "took", task });
      const result = await carryOut(decodeText(order.data));
      if (signal.aborted) return;
      const { token } = decodeAssignment(node.data);
      await ensureNode(coordinator, paths.result(task), encodeResult({ result, worker: name, token }));
      finished.add(task);
      report({ type: "done", task });
    }
  }
}
