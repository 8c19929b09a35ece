import { checkDuration, checkOptions, checkPath, checkSegment } from "../../internal/check.js";
import { established } from "../../internal/established.js";
import { generated } from "../../internal/generated.js";
import type { Keeper } from "../../internal/keeper.js";
import { KeptNode } from "../../internal/kept-node.js";
import { liveChildNodes } from "../../internal/live-children.js";
import { checkWaitOptions, type WaitOptions } from "../../internal/wait.js";
import type { CallOptions } from "../../node-writer.js";
import { checkDescription, decode, encode, type InstanceDescription, instanceOf } from "./instance.js";
import { Registration } from "./registration.js";
import { listServiceNames, watchServiceNames } from "./service-names.js";
import { ServiceView } from "./service-view.js";

export interface ViewOptions extends WaitOptions {
  /** How long `pick` avoids an instance after its first reported failure; twice as long after each further one in a row. Default 1,000. */
  readonly downMs?: number | undefined;
  /** The longest that `pick` avoids an instance for one failure. Default 60,000. */
  readonly maxDownMs?: number | undefined;
}

/** A directory of services: who offers what, and where. Entries are ephemeral nodes `<path>/<service>/<id>` with JSON payloads. */
export class Discovery {
  readonly #keeper: Keeper;
  readonly #path: string;

  /** Directories come from `coordinator.discovery(path)`. */
  constructor(keeper: Keeper, path: string) {
    this.#keeper = keeper;
    this.#path = path;
  }

  /**
   * Registers an instance and resolves when its entry stands. Belongs to the coordinator: after a session loss the entry comes
   * back by itself in the next session, with its latest payload, unless it was withdrawn meanwhile (DISC-1, DISC-2). With no
   * store yet it waits for one (DISC-4). An entry of the same id from an earlier session is replaced. One process may register any
   * number of instances, of one service or of several.
   * Given up by `signal` or `timeoutMs`, nothing stays registered.
   * Errors: `INVALID_PATH` (name, id), `INVALID_ARGUMENT`, `DATA_TOO_LARGE`, `ABORTED`, `TIMEOUT`, `CLOSED`, also when a later one of
   * the same id in this process takes its place; `NODE_EXISTS` (a node that no session holds), `EPHEMERAL_PARENT`, `ACCESS_DENIED` and
   * whatever else the store refuses the entry with. In later sessions such a refusal is tried again.
   */
  async register(description: InstanceDescription, options: WaitOptions = {}): Promise<Registration> {
    checkDescription("register", description, ["name", "id", "address", "port", "metadata"]);
    checkWaitOptions("register", options);
    const instance = instanceOf("register", description);
    const path = this.#under(`${instance.name}/${instance.id}`);
    const data = encode(instance, path);
    const node = await established(
      this.#keeper,
      "register",
      options,
      () => new KeptNode(this.#keeper, path, data),
    );
    return new Registration(node, instance);
  }

  /**
   * Opens a live view of a service and resolves when its instances are known. Belongs to the coordinator: it goes on in the next
   * session, and says when it is stale (DISC-3).
   * Errors: `INVALID_PATH`, `INVALID_ARGUMENT`, `ABORTED`, `TIMEOUT`, `CLOSED`, `ACCESS_DENIED`.
   */
  async view(name: string, options: ViewOptions = {}): Promise<ServiceView> {
    checkSegment(name);
    checkWaitOptions("view", options, ["downMs", "maxDownMs"]);
    const { downMs = 1_000, maxDownMs = Math.max(downMs, 60_000), signal, timeoutMs } = options;
    checkDuration("view: downMs", downMs, 1);
    checkDuration("view: maxDownMs", maxDownMs, downMs);
    const path = this.#under(name);
    const live = await established(this.#keeper, "view", { signal, timeoutMs }, () =>
      liveChildNodes(this.#keeper, path, (child) => decode(name, child.name, child.node)),
    );
    return new ServiceView(live, name, { downMs, maxDownMs });
  }

  /**
   * Names of the services that have at least one entry, sorted, read linearizably (DISC-7). Not guaranteed: that all of them had one
   * at the same moment. Costs one listing, and one more for each service that was ever registered here.
   * Errors: `ABORTED`, `CLOSED`, `SESSION_LOST`.
   */
  async names(options: CallOptions = {}): Promise<readonly string[]> {
    checkOptions("names", options, ["signal"]);
    return listServiceNames(await this.#keeper.live(options.signal), this.#path, options.signal);
  }

  /**
   * Yields the names of the services that have at least one entry, sorted, now and whenever they change (DISC-7). Goes on across
   * sessions; a slow reader sees the latest. Keeps one watch, and one more for each service that was ever registered here.
   * Ends by `return` or `signal`; throws `CLOSED`, `ACCESS_DENIED`.
   */
  watchNames(options: CallOptions = {}): AsyncIterable<readonly string[]> {
    checkOptions("watchNames", options, ["signal"]);
    return generated(options.signal, (signal) => watchServiceNames(this.#keeper, this.#path, signal));
  }

  #under(relative: string): string {
    const path = `${this.#path === "/" ? "" : this.#path}/${relative}`;
    checkPath(path);
    return path;
  }
}
