/** What a leader knows when it decides. */
export interface Situation {
  /** Tasks without a result, in the order in which they are to be done. */
  readonly open: readonly string[];
  /** Workers that live. */
  readonly workers: readonly string[];
  /** Who has which task now; also of tasks that are done, and of workers that are dead. */
  readonly assigned: ReadonlyMap<string, string>;
  /** How many tasks each worker was given in this term, to take turns. */
  readonly given: ReadonlyMap<string, number>;
}

export interface Plan {
  readonly withdraw: readonly { readonly task: string; readonly worker: string }[];
  readonly assign: readonly {
    readonly task: string;
    readonly worker: string;
    /** The dead worker that had it. */
    readonly from: string | undefined;
  }[];
}

/** The next task is there when one is done; more would only have to be handed out again when the worker dies. */
const mostAtOnce = 2;

/** Decides who does what: the whole policy, without any I/O. */
export function plan({ open, workers, assigned, given }: Situation): Plan {
  const isOpen = new Set(open);
  const load = new Map(workers.map((worker) => [worker, 0]));
  const turns = new Map(given);
  const withdraw: { task: string; worker: string }[] = [];
  const kept = new Set<string>();
  for (const [task, worker] of assigned) {
    const before = load.get(worker);
    if (before === undefined || !isOpen.has(task)) {
      withdraw.push({ task, worker });
      continue;
    }
    load.set(worker, before + 1);
    kept.add(task);
  }

  const assign: { task: string; worker: string; from: string | undefined }[] = [];
  for (const task of open) {
    if (kept.has(task)) continue;
    const worker = nextWorker(load, turns);
    if (worker === undefined) break;
    load.set(worker, (load.get(worker) ?? 0) + 1);
    turns.set(worker, (turns.get(worker) ?? 0) + 1);
    assign.push({ task, worker, from: assigned.get(task) });
  }
  return { withdraw, assign };
}

/** The least busy worker; among equals the one that was given the least so far. */
function nextWorker(
  load: ReadonlyMap<string, number>,
  given: ReadonlyMap<string, number>,
): string | undefined {
  const free = [...load].filter(([, tasks]) => tasks < mostAtOnce).map(([worker]) => worker);
  const weight = (worker: string) => [load.get(worker) ?? 0, given.get(worker) ?? 0] as const;
  return free.reduce<string | undefined>((best, worker) => {
    if (best === undefined) return worker;
    const [busy, had] = weight(worker);
    const [leastBusy, leastHad] = weight(best);
    return busy < leastBusy || (busy === leastBusy && had < leastHad) ? worker : best;
  }, undefined);
}
