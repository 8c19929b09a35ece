import type { Child, Instance, Leadership } from "@conclave/api";
import { Bell } from "./bell.js";
import { encodeAssignment, paths, service } from "./layout.js";
import { plan } from "./plan.js";
import { ensureNode, ensureNoNode } from "./repeatable.js";
import type { WorkerContext } from "./worker.js";

/**
 * What a leader does, from its election until its leadership is over: it gives each task to a live worker, and takes
 * it away again from one that died. It reads by any means, but it writes only through `leadership`: the store refuses
 * those writes once another may lead, even if this process does not know it yet.
 */
export async function handOutTasks(leadership: Leadership, context: WorkerContext): Promise<void> {
  const { coordinator, report } = context;
  const { signal, token } = leadership;
  // What the leaders before left; from now on nobody else assigns.
  const assigned = await readAssignments(context, signal);
  const given = new Map<string, number>();
  const bell = new Bell();
  // Nothing is decided before all three are known: without the tasks every assignment would look done.
  let tasks: readonly string[] | undefined;
  let done: ReadonlySet<string> | undefined;
  let workers: readonly string[] | undefined;

  const view = await coordinator.discovery(paths.services).view(service, { signal });
  const stop = () => {
    view.close();
    bell.ring();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();

  const follow = async <T>(source: AsyncIterable<T>, take: (value: T) => void) => {
    for await (const value of source) {
      take(value);
      bell.ring();
    }
  };
  const seeWorkers = (instances: readonly Instance[]) => {
    workers = instances.map(({ id }) => id).sort(byNumber);
    report({ type: "sees", workers });
  };

  const act = async () => {
    while (!signal.aborted) {
      await bell.rung();
      // Out of contact the view may be old; contact rings again, or the leadership ends.
      if (signal.aborted || view.stale || !tasks || !done || !workers) continue;
      const finished = done;
      const open = tasks.filter((task) => !finished.has(task));
      const { withdraw, assign } = plan({ open, workers, assigned, given });
      for (const { task, worker } of withdraw) {
        await ensureNoNode(leadership, paths.assignment(worker, task));
        assigned.delete(task);
      }
      for (const { task, worker, from } of assign) {
        await ensureNode(leadership, paths.assignment(worker, task), encodeAssignment({ token }));
        assigned.set(task, worker);
        given.set(worker, (given.get(worker) ?? 0) + 1);
        report({ type: "assigned", task, to: worker, from, token });
      }
    }
  };

  try {
    await Promise.all([
      follow(coordinator.watchChildren(paths.tasks, { signal }), (children) => {
        tasks = namesOf(children);
      }),
      follow(coordinator.watchChildren(paths.done, { signal }), (children) => {
        done = new Set(namesOf(children));
      }),
      follow(view, seeWorkers),
      act(),
    ]);
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

async function readAssignments(
  { coordinator }: WorkerContext,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const assigned = new Map<string, string>();
  const list = async (path: string) => {
    if (!(await coordinator.exists(path, { linearizable: true, signal }))) return [];
    return namesOf(await coordinator.children(path, { linearizable: true, signal }));
  };
  for (const worker of await list(paths.assigned)) {
    for (const task of await list(paths.assignedTo(worker))) assigned.set(task, worker);
  }
  return assigned;
}

function namesOf(children: readonly Child[] | undefined): string[] {
  return (children ?? []).map(({ name }) => name).sort(byNumber);
}

const { compare: byNumber } = new Intl.Collator("en", { numeric: true });
