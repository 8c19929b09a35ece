import type { Child } from "../../backend/operations.js";
import type { ChildrenSink } from "../../backend/watch.js";
import { Children } from "../../internal/children.js";
import type { LiveSession } from "../../internal/live-session.js";
import { priorityOf, type QueueLayout } from "./layout.js";

/** How long a task that somebody else was faster to claim is left alone when the watch says nothing of it: a share of the timeout. */
const avoidShare = 1 / 50;

interface Waiting {
  readonly id: string;
  readonly priority: number;
  readonly sequence: bigint;
}

export interface QueueObserver {
  changed(): void;
  /** It tells nothing any more: a watch cannot go on. */
  failed(error: Error): void;
  /** It tells nothing any more: the session is over. */
  ended(): void;
}

/** The tasks of a queue in the order in which they are offered, and which of them are claimed, as two watches tell. */
export class QueueView {
  readonly #live: LiveSession;
  readonly #observer: QueueObserver;
  readonly #tasks: Backlog;
  readonly #claims: Children<Child>;
  readonly #stops: (() => void)[];
  /** Tasks to leave alone though no claim is seen; each with what stops the timer that ends that. */
  readonly #avoided = new Map<string, () => void>();
  #claimsKnown = false;

  constructor(live: LiveSession, layout: QueueLayout, observer: QueueObserver) {
    const { changed, failed, ended } = observer;
    this.#live = live;
    this.#observer = observer;
    this.#tasks = new Backlog(changed, failed);
    this.#claims = new Children(() => {
      this.#claimsKnown = true;
      for (const id of [...this.#avoided.keys()]) if (this.#claims.has(id)) this.#unavoid(id);
      changed();
    }, failed);
    this.#stops = [
      live.watch((backend) => backend.watchChildren(layout.tasks, this.#tasks), ended),
      live.watch((backend) => backend.watchChildren(layout.claims, this.#claims), ended),
    ];
  }

  /** The first unclaimed tasks, at most `limit` of them. */
  ready(limit: number): readonly string[] {
    const ready: string[] = [];
    if (!this.#claimsKnown) return ready;
    for (const { id } of this.#tasks.inOrder) {
      if (ready.length === limit) break;
      if (!this.#claims.has(id) && !this.#avoided.has(id)) ready.push(id);
    }
    return ready;
  }

  /** Leaves a task alone until its claim is seen. */
  avoid(id: string): void {
    this.#unavoid(id);
    this.#avoided.set(id, () => {});
  }

  /** Ends `avoid`, if not at once: the claim may come and go unseen, or be seen in a moment. */
  avoidNoLonger(id: string): void {
    if (!this.#avoided.has(id)) return;
    const { clock, timeoutMs } = this.#live;
    const cancel = clock.schedule(timeoutMs * avoidShare, () => {
      this.#unavoid(id);
      this.#observer.changed();
    });
    this.#avoided.set(id, cancel);
  }

  /** The task is known to be gone, before the watch tells. */
  forget(id: string): void {
    this.#unavoid(id);
    this.#tasks.removed(id);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const id of [...this.#avoided.keys()]) this.#unavoid(id);
  }

  #unavoid(id: string): void {
    this.#avoided.get(id)?.();
    this.#avoided.delete(id);
  }
}

/** The tasks by priority, then arrival; one change costs one search, whatever their number. */
class Backlog implements ChildrenSink<Child> {
  readonly #updated: () => void;
  readonly failed: (error: Error) => void;
  readonly #byId = new Map<string, Waiting>();
  #sorted: Waiting[] = [];

  constructor(updated: () => void, failed: (error: Error) => void) {
    this.#updated = updated;
    this.failed = failed;
  }

  get inOrder(): readonly Waiting[] {
    return this.#sorted;
  }

  snapshot(children: readonly Child[] | undefined): void {
    this.#byId.clear();
    for (const child of children ?? []) {
      const task = waitingTask(child);
      if (task) this.#byId.set(task.id, task);
    }
    this.#sorted = [...this.#byId.values()].sort(compare);
    this.#updated();
  }

  changed(child: Child): void {
    const task = waitingTask(child);
    if (task === undefined || this.#byId.has(task.id)) return;
    this.#byId.set(task.id, task);
    this.#sorted.splice(this.#indexOf(task), 0, task);
    this.#updated();
  }

  removed(name: string): void {
    const task = this.#byId.get(name);
    if (task === undefined) return;
    this.#byId.delete(name);
    this.#sorted.splice(this.#indexOf(task), 1);
    this.#updated();
  }

  /** Where the task is, or belongs. */
  #indexOf(task: Waiting): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#sorted[middle];
      if (other !== undefined && compare(other, task) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** `undefined` for a child that is no task: another program's key (NODE-10). */
function waitingTask({ name, sequence }: Child): Waiting | undefined {
  const priority = priorityOf(name);
  return priority === undefined || sequence === undefined ? undefined : { id: name, priority, sequence };
}

function compare(a: Waiting, b: Waiting): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
