import type { ChildNode } from "../../backend/operations.js";
import { showOption } from "../../backend/options.js";
import { ConclaveError } from "../../errors.js";
import type { LiveChildren } from "../../internal/live-children.js";
import { LiveView } from "../shared/live-view.js";
import type { Instance } from "./instance.js";
import { checkPick, type DownTimes, Picker, type PickOptions } from "./pick.js";

/** The instances of one service, kept up to date by one watch, across sessions (DISC-3). */
export class ServiceView extends LiveView<Instance> {
  readonly name: string;
  readonly #picker: Picker<Instance>;

  /** Views come from `discovery.view`. */
  constructor(live: LiveChildren<ChildNode, Instance>, name: string, times: DownTimes) {
    super(live, (instances) => [...instances]);
    this.name = name;
    const picker = new Picker<Instance>(live.keeper.clock, times);
    for (const [id, instance] of live.values) picker.set(id, instance);
    live.observe({
      changed: (id, _, after) => {
        if (after === undefined) picker.delete(id);
        else picker.set(id, after);
      },
    });
    this.#picker = picker;
  }

  /** The instances as last known, in no particular order. The same array until something changes. */
  get instances(): readonly Instance[] {
    return this.all;
  }

  /**
   * One instance, by a strategy; `undefined` when there is none. Instances that are down are avoided, unless all are (DISC-8).
   * Asks nobody: while the view is stale it picks among those that it knows. Errors: `INVALID_ARGUMENT`.
   */
  pick(options: PickOptions = {}): Instance | undefined {
    checkPick(options);
    return this.#picker.pick(options);
  }

  /**
   * Says that an instance failed: it is down for `downMs`, twice as long after each further failure in a row up to `maxDownMs`, and
   * then has its turn again. What fails while it is down counts once. Forgotten when it succeeds, goes from the view, or stayed up
   * for `maxDownMs`. One that is not in the view is ignored. Known to this view only. Errors: `INVALID_ARGUMENT`.
   */
  failed(instance: Pick<Instance, "id">): void {
    this.#picker.failed(idOf("failed", instance));
  }

  /** Says that an instance works: it is not down any more, and its failures are forgotten. Errors: `INVALID_ARGUMENT`. */
  succeeded(instance: Pick<Instance, "id">): void {
    this.#picker.succeeded(idOf("succeeded", instance));
  }
}

function idOf(where: string, instance: Pick<Instance, "id">): string {
  const id: unknown = instance?.id;
  if (typeof id === "string") return id;
  throw new ConclaveError(
    "INVALID_ARGUMENT",
    `${where}: takes an instance, with an id, not ${showOption(instance)}`,
  );
}
