import { local, operation, type PublicOperation, wait } from "./operation.js";
import { writesOf } from "./writes.js";

/** Of work queues and partitioners. */
export const workOperations: readonly PublicOperation[] = [
  operation("coordinator", "workQueue", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.workQueue(path),
  ),
  operation(
    "coordinator",
    "partitioner",
    { ...local, takesPath: true, takesData: true },
    (on, { path, data }) => on.coordinator.partitioner(path, { partitions: 1, data }),
  ),
  operation("queue", "put", { takesData: true }, (on, { data, options }) => on.queue.put(data, options)),
  operation("queue", "putAll", { takesData: true }, (on, { data, options }) =>
    on.queue.putAll([data], options),
  ),
  operation("queue", "take", wait, (on, { options }) => on.queue.take(options)),
  operation("queue", "size", {}, (on, { options }) => on.queue.size(options)),
  ...writesOf("task"),
  operation("task", "acknowledge", { ...local, harmless: false }, (on) => on.task.acknowledge()),
  operation("task", "release", local, (on) => on.task.release()),
  operation("task", "reject", local, (on) => on.task.reject()),
  operation("deadLetters", "list", {}, (on, { options }) => on.deadLetters.list(options)),
  operation("deadLetters", "requeue", {}, (on, { options }) => on.deadLetters.requeue("500-x", options)),
  operation("deadLetters", "remove", {}, (on, { options }) => on.deadLetters.remove("500-x", options)),
  operation("partitioner", "run", {}, (on, { options }) => on.partitioner.run(() => {}, options)),
  operation("partitioner", "watchOwned", { io: false, iterates: true }, (on, { options }) =>
    on.partitioner.watchOwned(options),
  ),
  ...writesOf("partition"),
];
