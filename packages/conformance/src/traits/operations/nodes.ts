import { local, operation, type PublicOperation, wait } from "./operation.js";
import { writesOf } from "./writes.js";

function readsOf(owner: "session" | "coordinator"): readonly PublicOperation[] {
  const reads = (["get", "exists", "children", "childNodes"] as const).map((method) =>
    operation(owner, method, { takesPath: true }, (on, { path, options }) =>
      on[owner][method](path, options),
    ),
  );
  const watches = (["watch", "watchChildren", "watchChildNodes"] as const).map((method) =>
    operation(owner, method, { takesPath: true, iterates: true }, (on, { path, options }) =>
      on[owner][method](path, options),
    ),
  );
  return [...reads, ...watches];
}

/** Of sessions and coordinators: on nodes, and what ends them. */
export const nodeOperations: readonly PublicOperation[] = [
  ...readsOf("session"),
  ...writesOf("session"),
  operation("session", "states", { io: false, iterates: true, harmless: true }, (on, { options }) =>
    on.session.states(options),
  ),
  operation("session", "close", local, (on) => on.session.close()),
  ...readsOf("coordinator"),
  ...writesOf("coordinator"),
  operation("coordinator", "session", { io: false, ...wait }, (on, { options }) =>
    on.coordinator.session(options),
  ),
  operation("coordinator", "sessions", { io: false, iterates: true }, (on, { options }) =>
    on.coordinator.sessions(options),
  ),
  operation("coordinator", "close", local, (on) => on.coordinator.close()),
];
