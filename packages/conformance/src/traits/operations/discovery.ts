import { asText, local, merged, operation, type PublicOperation, wait } from "./operation.js";

function readsOfView(owner: "serviceView" | "groupView"): readonly PublicOperation[] {
  return [
    // More than there are: it waits, also when there is contact.
    operation(owner, "waitFor", wait, (on, { options }) => on[owner].waitFor(1_000, options)),
    operation(owner, "changes", { iterates: true }, (on, { options }) => on[owner].changes(options)),
    operation(owner, "close", local, (on) => on[owner].close()),
  ];
}

/** Of discovery and groups, and of their views. */
export const discoveryOperations: readonly PublicOperation[] = [
  operation("coordinator", "discovery", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.discovery(path),
  ),
  operation("discovery", "register", { ...wait, takesData: true }, (on, { data, options }) =>
    on.discovery.register({ name: "service", address: "a", port: 1, metadata: asText(data) }, options),
  ),
  operation("discovery", "view", wait, (on, { options }) => on.discovery.view("service", options)),
  operation("discovery", "names", {}, (on, { options }) => on.discovery.names(options)),
  operation("discovery", "watchNames", { iterates: true }, (on, { options }) =>
    on.discovery.watchNames(options),
  ),
  operation("registration", "update", { takesOptions: false }, (on) => on.registration.update({ port: 2 })),
  operation("registration", "unregister", local, (on) => on.registration.unregister()),
  ...readsOfView("serviceView"),
  operation("serviceView", "pick", local, (on) => on.serviceView.pick()),
  operation("serviceView", "failed", local, (on) => on.serviceView.failed({ id: "nobody" })),
  operation("serviceView", "succeeded", local, (on) => on.serviceView.succeeded({ id: "nobody" })),
  operation("coordinator", "group", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.group(path),
  ),
  operation("group", "join", { ...wait, ...merged }, (on, { data, options }) =>
    on.group.join({ data, ...options }),
  ),
  operation("group", "members", {}, (on, { options }) => on.group.members(options)),
  operation("group", "view", wait, (on, { options }) => on.group.view(options)),
  operation("membership", "update", { takesData: true, takesOptions: false }, (on, { data }) =>
    on.membership.update(data),
  ),
  operation("membership", "leave", local, (on) => on.membership.leave()),
  ...readsOfView("groupView"),
];
