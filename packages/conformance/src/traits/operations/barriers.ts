import { local, operation, type PublicOperation, wait } from "./operation.js";

/** Of barriers. */
export const barrierOperations: readonly PublicOperation[] = [
  operation("coordinator", "barrier", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.barrier(path),
  ),
  operation("coordinator", "doubleBarrier", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.doubleBarrier(path, { count: 2 }),
  ),
  operation("barrier", "set", {}, (on, { options }) => on.barrier.set(options)),
  operation("barrier", "remove", {}, (on, { options }) => on.barrier.remove(options)),
  operation("barrier", "wait", wait, (on, { options }) => on.barrier.wait(options)),
  operation("doubleBarrier", "enter", wait, (on, { options }) => on.doubleBarrier.enter(options)),
  operation("round", "leave", wait, (on, { options }) => on.round.leave(options)),
];
