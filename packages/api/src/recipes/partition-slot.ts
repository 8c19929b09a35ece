import { ConclaveError, type ErrorCode } from "../errors.js";
import { firstOf } from "../internal/first-of.js";
import type { LiveSession } from "../internal/live-session.js";
import { onAbort } from "../internal/on-abort.js";
import { pause } from "../internal/pause.js";
import type { Place } from "../internal/place.js";
import { alone, takeTurn } from "../internal/turn.js";
import { Partition } from "./partition.js";

/** How long to hold back after the place was lost, as a share of the session timeout, so that a standing obstacle makes no busy loop. */
const holdBackShare = 1 / 50;

/** What ends a wait for a partition and not the wish to have it. */
const passingCodes: readonly ErrorCode[] = ["SESSION_LOST", "CONNECTION_LOST", "NOT_HELD", "CLOSED"];

/** What a slot needs of the run that it belongs to. */
export interface SlotContext {
  /** The waiting line whose first owns the partition. */
  readonly line: string;
  readonly data: Uint8Array;
  work(partition: Partition): Promise<void> | void;
  /** A partition came to this process, or is about to go. */
  changed(): void;
  failed(error: unknown): void;
}

interface Wish {
  readonly live: LiveSession;
  readonly letGo: AbortController;
}

/**
 * One partition as one member sees it: while it is to have it, it stands in its line, and once first runs the work. What it is to
 * let go it leaves only when the work has settled, so that the next owner begins after that, and work never runs twice at once here.
 */
export class PartitionSlot {
  readonly #index: number;
  readonly #context: SlotContext;
  #wish: Wish | undefined;
  #running: Promise<void> | undefined;
  #partition: Partition | undefined;

  constructor(index: number, context: SlotContext) {
    this.#index = index;
    this.#context = context;
  }

  /** Whether this process owns the partition now. */
  get isOwned(): boolean {
    return this.#partition?.isHeld === true;
  }

  /** This member is to have the partition, in this session. */
  want(live: LiveSession): void {
    if (this.#wish?.live === live) return;
    this.#wish = { live, letGo: new AbortController() };
    this.#running ??= this.#run();
  }

  /** This member is not to have it any more. */
  letGo(reason: ConclaveError): void {
    const wish = this.#wish;
    this.#wish = undefined;
    wish?.letGo.abort(reason);
  }

  /** Resolves when nothing of the partition is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let wish = this.#wish; wish !== undefined; wish = this.#wish) {
      await this.#stand(wish);
      if (this.#wish !== wish) continue;
      const { live } = wish;
      await pause(live.clock, live.timeoutMs * holdBackShare, live.signal, wish.letGo.signal);
    }
    this.#running = undefined;
  }

  async #stand({ live, letGo }: Wish): Promise<void> {
    const { line, data, failed } = this.#context;
    let place: Place;
    try {
      place = await takeTurn(live, { ...alone, line, label: "lock", data }, letGo.signal);
    } catch (error) {
      const isPassing = passingCodes.some((code) => ConclaveError.is(error, code));
      if (!letGo.signal.aborted && !isPassing) failed(error);
      return;
    }
    const partition = new Partition(place, this.#index, letGo.signal);
    try {
      this.#partition = partition;
      onAbort(place.signal, this.#context.changed);
      this.#context.changed();
      await this.#work(partition);
    } catch (error) {
      failed(error);
    } finally {
      await place.quit();
      this.#partition = undefined;
    }
  }

  /** Runs the work, and keeps the partition after work that ended early, until it must go. */
  async #work(partition: Partition): Promise<void> {
    // It may have to go already: work would wait for an abort that has been.
    if (partition.signal.aborted) return;
    try {
      await this.#context.work(partition);
    } catch (error) {
      if (!isConsequence(error, partition)) throw error;
    }
    await firstOf<void>((resolve) => [onAbort(partition.signal, resolve)]);
  }
}

/** Whether work failed only because its partition went. */
function isConsequence(error: unknown, { signal }: Partition): boolean {
  if (!signal.aborted) return false;
  return (
    error === signal.reason ||
    ConclaveError.is(error) ||
    (error instanceof Error && error.name === "AbortError")
  );
}
