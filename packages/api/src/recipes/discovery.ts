import { aborted } from "../internal/calls.js";
import { checkPath } from "../internal/check.js";
import { firstOf } from "../internal/first-of.js";
import type { Keeper } from "../internal/keeper.js";
import { onAbort } from "../internal/on-abort.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../internal/wait.js";
import { checkDescription, checkSegment, encode, type InstanceDescription, instanceOf } from "./instance.js";
import { Registration } from "./registration.js";
import { ServiceView } from "./service-view.js";

/** A directory of services: who offers what, and where. Entries are ephemeral nodes `<path>/<service>/<id>` with JSON payloads. */
export class Discovery {
  readonly #keeper: Keeper;
  readonly #path: string;

  /** Directories come from `coordinator.discovery(path)`. */
  constructor(keeper: Keeper, path: string) {
    this.#keeper = keeper;
    this.#path = path === "/" ? "" : path;
  }

  /**
   * Registers an instance and resolves when its entry stands. Belongs to the coordinator: after a session loss the entry comes
   * back by itself in the next session, with its latest payload, unless it was withdrawn meanwhile (DISC-1, DISC-2). With no
   * store yet it waits for one (DISC-4). An entry of the same id from an earlier session is replaced.
   * Given up by `signal` or `timeoutMs`, nothing stays registered.
   * Errors: `INVALID_PATH` (name, id), `INVALID_ARGUMENT`, `DATA_TOO_LARGE`, `ABORTED`, `TIMEOUT`, `CLOSED`; `EPHEMERAL_PARENT`,
   * `ACCESS_DENIED` and whatever else the store refuses the entry with. In later sessions such a refusal is tried again.
   */
  async register(description: InstanceDescription, options: WaitOptions = {}): Promise<Registration> {
    checkDescription("register", description, ["name", "id", "address", "port", "metadata"]);
    checkWaitOptions("register", options);
    this.#keeper.check();
    const instance = instanceOf(description);
    const path = `${this.#path}/${instance.name}/${instance.id}`;
    checkPath(path);
    const data = encode(instance, path);
    return this.#first("register", options, new Registration(this.#keeper, path, instance, data), {
      done: (registration) => registration.firstPublished(),
      undo: (registration) => void registration.unregister().catch(() => {}),
    });
  }

  /**
   * Opens a live view of a service and resolves when its instances are known. Belongs to the coordinator: it goes on in the next
   * session, and says when it is stale (DISC-3).
   * Errors: `INVALID_PATH`, `ABORTED`, `TIMEOUT`, `CLOSED`, `ACCESS_DENIED`.
   */
  async view(name: string, options: WaitOptions = {}): Promise<ServiceView> {
    checkSegment(name);
    checkWaitOptions("view", options);
    this.#keeper.check();
    const path = `${this.#path}/${name}`;
    checkPath(path);
    return this.#first("view", options, new ServiceView(this.#keeper, path, name), {
      done: (view) => view.firstRead(),
      undo: (view) => view.close(),
    });
  }

  /** Waits for the first success of something that goes on by itself, and undoes it when the wait is given up. */
  async #first<T>(
    where: string,
    options: WaitOptions,
    made: T,
    { done, undo }: { done(made: T): Promise<void>; undo(made: T): void },
  ): Promise<T> {
    try {
      await waiting(this.#keeper.clock, where, options, (signal) => this.#unlessEnded(done(made), signal));
      return made;
    } catch (error) {
      undo(made);
      throw error;
    }
  }

  #unlessEnded(done: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    const closing = this.#keeper.signal;
    return firstOf((resolve, reject) => {
      done.then(resolve, reject);
      return [onAbort(closing, () => reject(closing.reason)), onAbort(signal, () => reject(aborted(signal)))];
    });
  }
}
