import { local, merged, operation, type PublicOperation, wait } from "./operation.js";
import { writesOf } from "./writes.js";

function acquisitionsOf(owner: "lock" | "semaphore"): readonly PublicOperation[] {
  return [
    operation(owner, "acquire", { takesTimeLimit: true, ...merged }, (on, { data, options }) =>
      on[owner].acquire({ data, ...options }),
    ),
    operation(owner, "tryAcquire", merged, (on, { data, options }) =>
      on[owner].tryAcquire({ data, ...options }),
    ),
    operation(owner, "contenders", {}, (on, { options }) => on[owner].contenders(options)),
  ];
}

/** Of elections, locks and semaphores, and of what is held. */
export const lineOperations: readonly PublicOperation[] = [
  operation("coordinator", "election", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.election(path),
  ),
  operation("coordinator", "lock", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.lock(path),
  ),
  operation("coordinator", "readWriteLock", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.readWriteLock(path),
  ),
  operation("coordinator", "semaphore", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.semaphore(path, { permits: 2 }),
  ),
  ...writesOf("leadership"),
  operation("leadership", "resign", local, (on) => on.leadership.resign()),
  operation("election", "campaign", { ...wait, ...merged }, (on, { data, options }) =>
    on.election.campaign({ data, ...options }),
  ),
  operation("election", "lead", merged, (on, { data, options }) =>
    on.election.lead(() => "led", { data, ...options }),
  ),
  operation("election", "leader", {}, (on, { options }) => on.election.leader(options)),
  operation("election", "observe", { iterates: true }, (on, { options }) => on.election.observe(options)),
  ...acquisitionsOf("lock"),
  operation("lock", "withLock", { ...wait, ...merged }, (on, { data, options }) =>
    on.lock.withLock(() => "held", { data, ...options }),
  ),
  operation("readWriteLock", "contenders", {}, (on, { options }) => on.readWriteLock.contenders(options)),
  ...acquisitionsOf("semaphore"),
  operation("semaphore", "withPermit", { ...wait, ...merged }, (on, { data, options }) =>
    on.semaphore.withPermit(() => "held", { data, ...options }),
  ),
  ...writesOf("permit"),
  operation("permit", "release", local, (on) => on.permit.release()),
  ...writesOf("hold"),
  operation("hold", "release", local, (on) => on.hold.release()),
];
