import { asText, local, operation, type PublicOperation, wait } from "./operation.js";
import { strings } from "./subjects.js";

/** Of counters and configurations. */
export const valueOperations: readonly PublicOperation[] = [
  operation("coordinator", "counter", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.counter(path),
  ),
  operation("coordinator", "config", { ...local, takesPath: true }, (on, { path }) =>
    on.coordinator.config(path, { schema: strings }),
  ),
  operation("counter", "get", {}, (on, { options }) => on.counter.get(options)),
  operation("counter", "increment", {}, (on, { options }) => on.counter.increment(options)),
  operation("counter", "add", {}, (on, { options }) => on.counter.add(-2n, options)),
  operation("counter", "compareAndSet", {}, (on, { options }) => on.counter.compareAndSet(0n, 1n, options)),
  operation("counter", "set", {}, (on, { options }) => on.counter.set(5n, options)),
  operation("counter", "watch", { iterates: true }, (on, { options }) => on.counter.watch(options)),
  operation("config", "get", {}, (on, { options }) => on.config.get(options)),
  operation("config", "set", { takesData: true }, (on, { data, options }) =>
    on.config.set(asText(data), options),
  ),
  operation("config", "update", {}, (on, { options }) =>
    on.config.update((text = "") => `${text}+`, options),
  ),
  operation("config", "watch", { iterates: true }, (on, { options }) => on.config.watch(options)),
  operation("config", "live", wait, (on, { options }) => on.config.live(options)),
  operation("liveConfig", "close", local, (on) => on.liveConfig.close()),
];
