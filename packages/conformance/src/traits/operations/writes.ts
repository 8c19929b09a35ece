import { operation, type PublicOperation } from "./operation.js";

/** Whatever writes, each of them in its own name. */
type Writer = "session" | "coordinator" | "leadership" | "hold" | "permit" | "task" | "partition";

export function writesOf(owner: Writer): readonly PublicOperation[] {
  const path = { takesPath: true };
  const both = { ...path, takesData: true };
  const within = (name: string) => ({ name: `transaction (${name})` });
  return [
    operation(owner, "create", both, (on, { path, data, options }) => on[owner].create(path, data, options)),
    operation(owner, "set", both, (on, { path, data, options }) => on[owner].set(path, data, options)),
    operation(owner, "delete", path, (on, { path, options }) => on[owner].delete(path, options)),
    operation(owner, "transaction", { ...both, ...within("create") }, (on, { path, data, options }) =>
      on[owner].transaction([{ type: "create", path, data }], options),
    ),
    operation(owner, "transaction", { ...both, ...within("set") }, (on, { path, data, options }) =>
      on[owner].transaction([{ type: "set", path, data }], options),
    ),
    operation(owner, "transaction", { ...path, ...within("delete") }, (on, { path, options }) =>
      on[owner].transaction([{ type: "delete", path }], options),
    ),
    operation(owner, "transaction", { ...path, ...within("check") }, (on, { path, options }) =>
      on[owner].transaction([{ type: "check", path }], options),
    ),
  ];
}
