import { ConclaveError, type ErrorCode } from "../../errors.js";
import { aborted } from "../../internal/calls.js";
import { firstOf } from "../../internal/first-of.js";
import type { Keeper } from "../../internal/keeper.js";
import type { LiveSession } from "../../internal/live-session.js";
import { onAbort } from "../../internal/on-abort.js";
import { claimTask } from "./claiming.js";
import { Contention } from "./contention.js";
import type { QueueLayout } from "./layout.js";
import { Task } from "./task.js";
import { QueueView } from "./view.js";

interface Taker {
  resolve(task: Task): void;
  reject(error: unknown): void;
}

/** The longest that a task waits for rivals of which there may be none any more, as a share of the session timeout. */
const longestDelayShare = 1 / 10;

/** What ends an attempt to claim and not the wish to take. `CLOSED` is the session here: a closed coordinator is noticed before. */
const passingCodes: readonly ErrorCode[] = ["SESSION_LOST", "CONNECTION_LOST", "CLOSED"];

/**
 * Those of one process who wait for a task. While there are any, and for a session timeout after, it keeps a view of the queue, in
 * each session anew. It claims as many tasks as there are takers; who came first is served first.
 */
export class Takers {
  readonly #keeper: Keeper;
  readonly #layout: QueueLayout;
  readonly #maxAttempts: number;
  readonly #contention = new Contention();
  readonly #waiting = new Set<Taker>();
  #stopFollowing: (() => void) | undefined;
  #cancelStop: () => void = () => {};
  #live: LiveSession | undefined;
  #view: QueueView | undefined;
  #claiming = 0;
  /** The place drawn for the next claim; it stays while there are tasks, so that a change does not make anybody draw again. */
  #place: number | undefined;
  #cancelDelay: (() => void) | undefined;

  constructor(keeper: Keeper, layout: QueueLayout, maxAttempts: number) {
    this.#keeper = keeper;
    this.#layout = layout;
    this.#maxAttempts = maxAttempts;
  }

  async take(signal: AbortSignal | undefined): Promise<Task> {
    this.#keeper.check();
    if (signal?.aborted) throw aborted(signal);
    const { signal: closing } = this.#keeper;
    return firstOf<Task>((resolve, reject) => {
      const taker = { resolve, reject };
      return [
        onAbort(closing, () => reject(closing.reason)),
        onAbort(signal, () => reject(aborted(signal))),
        this.#wait(taker),
      ];
    });
  }

  /** Lets a taker wait; returns what ends that. */
  #wait(taker: Taker): () => void {
    this.#waiting.add(taker);
    this.#cancelStop();
    this.#stopFollowing ??= this.#follow();
    this.#pump();
    return () => {
      this.#waiting.delete(taker);
      if (this.#waiting.size === 0) this.#stopLater();
    };
  }

  #follow(): () => void {
    const { signal } = this.#keeper;
    const cancel = onAbort(signal, () => this.#stop());
    const stop = this.#keeper.follow((live) => this.#open(live));
    return () => {
      cancel();
      stop();
    };
  }

  /** Whoever took a task will take another soon, and a view that was given up begins with a listing of the whole queue. */
  #stopLater(): void {
    if (this.#stopFollowing === undefined) return;
    const lingerMs = this.#live?.timeoutMs ?? 0;
    this.#cancelStop();
    this.#cancelStop = this.#keeper.clock.schedule(lingerMs, () => this.#stop());
  }

  #open(live: LiveSession): void {
    this.#closeView();
    this.#view = new QueueView(live, this.#layout, {
      changed: () => this.#pump(),
      failed: (error) => {
        // The next take begins with another.
        this.#stop();
        this.#fail(error);
      },
      ended: () => this.#closeView(),
    });
    this.#live = live;
  }

  #stop(): void {
    this.#cancelStop();
    this.#stopFollowing?.();
    this.#stopFollowing = undefined;
    this.#closeView();
  }

  #closeView(): void {
    this.#forgetPlace();
    this.#view?.close();
    this.#view = undefined;
    this.#live = undefined;
  }

  /** Claims what there is for those who wait. */
  #pump(): void {
    const [live, view] = [this.#live, this.#view];
    while (live && view && this.#claiming < this.#waiting.size) {
      const place = this.#place ?? this.#contention.draw();
      const ready = view.ready(place + 1);
      if (ready.length === 0) {
        this.#forgetPlace();
        return;
      }
      this.#place = place;
      const id = ready[place];
      if (id === undefined) {
        const turns = place - ready.length + 1;
        this.#delay(Math.min(turns * this.#contention.roundTripMs, live.timeoutMs * longestDelayShare));
        return;
      }
      this.#forgetPlace();
      view.avoid(id);
      this.#claiming += 1;
      void this.#claim(live, view, id).finally(() => {
        this.#claiming -= 1;
        view.avoidNoLonger(id);
        this.#pump();
      });
    }
  }

  #forgetPlace(): void {
    this.#cancelDelay?.();
    this.#cancelDelay = undefined;
    this.#place = undefined;
  }

  /** There are fewer tasks than rivals, and others go first. */
  #delay(ms: number): void {
    this.#cancelDelay ??= this.#keeper.clock.schedule(ms, () => {
      this.#cancelDelay = undefined;
      this.#place = 0;
      this.#pump();
    });
  }

  async #claim(live: LiveSession, view: QueueView, id: string): Promise<void> {
    const startMs = live.clock.now();
    try {
      const claiming = await claimTask(live, this.#layout, id, {
        maxAttempts: this.#maxAttempts,
        isWanted: () => this.#waiting.size > 0,
      });
      this.#contention.learn(claiming.result === "taken", live.clock.now() - startMs);
      if (claiming.result === "claimed") this.#handOver(new Task(claiming.claim, this.#maxAttempts));
      if (claiming.result === "gone") view.forget(id);
    } catch (error) {
      if (!passingCodes.some((code) => ConclaveError.is(error, code))) this.#fail(error);
    }
  }

  #handOver(task: Task): void {
    const [first] = this.#waiting;
    if (first && task.isHeld) first.resolve(task);
    // Whoever wanted it has given up, or it is lost already.
    else void task.release().catch(() => {});
  }

  #fail(error: unknown): void {
    for (const taker of [...this.#waiting]) taker.reject(error);
  }
}
