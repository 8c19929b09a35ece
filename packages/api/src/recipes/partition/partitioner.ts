import { randomUUID } from "node:crypto";
import { ConclaveError } from "../../errors.js";
import { aborted } from "../../internal/calls.js";
import { checkOptions, checkPath, checkSegment, toBytes } from "../../internal/check.js";
import type { Keeper } from "../../internal/keeper.js";
import { iterable, Latest } from "../../internal/latest.js";
import { onAbort } from "../../internal/on-abort.js";
import type { CallOptions, Data } from "../../node-writer.js";
import type { Partition } from "./partition.js";
import { PartitionRun } from "./run.js";

export interface PartitionerOptions {
  /** How many partitions there are: 1 to 10,000, the same for all members. */
  readonly partitions: number;
  /**
   * Tells this member from the others: one segment of a path. A member that is to have the same partitions after a restart has
   * the same id then. Default: a random one.
   */
  readonly id?: string | undefined;
  /** What others see of this member, such as its address, in its node and in the lines of the partitions. Default empty. */
  readonly data?: Data | undefined;
}

const mostPartitions = 10_000;

/**
 * Divides a number of partitions among the processes that take part: each partition has one owner, by rendezvous hashing of the
 * members' ids, and is handed over only once its former owner let go of it or lost its session.
 */
export class Partitioner {
  /** Of this member. */
  readonly id: string;
  readonly #keeper: Keeper;
  readonly #path: string;
  readonly #partitions: number;
  readonly #data: Uint8Array;
  readonly #readers = new Set<Latest<readonly number[]>>();
  #run: PartitionRun | undefined;

  /** Partitioners come from `coordinator.partitioner(path, options)`. */
  constructor(keeper: Keeper, path: string, options: PartitionerOptions) {
    checkOptions("partitioner", options, ["partitions", "id", "data"]);
    const { partitions, id = randomUUID(), data = "" } = options ?? {};
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > mostPartitions) {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `partitioner: partitions must be a whole number from 1 to ${mostPartitions}, not ${String(partitions)}`,
      );
    }
    checkSegment(id);
    const root = path === "/" ? "" : path;
    checkPath(`${root}/members/${id}`);
    checkPath(`${root}/partitions/${mostPartitions}`);
    this.#keeper = keeper;
    this.#path = root;
    this.#partitions = partitions;
    this.id = id;
    this.#data = toBytes(data, path);
  }

  /** The partitions that this process owns now, in order. Compares the session's deadline. */
  get owned(): readonly number[] {
    return this.#run?.owned ?? [];
  }

  /** Yields the partitions that this process owns, now and after each change; a slow reader sees the latest. Throws `CLOSED`. */
  watchOwned(options: CallOptions = {}): AsyncIterable<readonly number[]> {
    checkOptions("watchOwned", options, ["signal"]);
    const beforeRead = () => void this.owned;
    return iterable(
      () =>
        new Latest<readonly number[]>({ signal: options.signal, beforeRead }, (latest) => {
          this.#keeper.check();
          const { signal } = this.#keeper;
          const cancel = onAbort(signal, () => latest.end(signal.reason));
          this.#readers.add(latest);
          latest.push(() => this.owned);
          return () => {
            cancel();
            this.#readers.delete(latest);
          };
        }),
    );
  }

  /**
   * Takes part: runs `work` for each partition that this member owns, all at once, until `signal` aborts. Belongs to the
   * coordinator: after a session loss it joins again in the next session (PART-6).
   *
   * When another member is to have a partition, `partition.signal` aborts; once `work` has settled the partition is left, and only
   * then the other's work begins (PART-3). When the partition is lost, `partition.signal` aborts before anybody else can have it
   * (PART-4). Work that ends early keeps its partition; work that throws ends the whole run, which then rejects with that error.
   * When `signal` aborts, so do those of all partitions, and `run` rejects with `ABORTED` once all work has settled.
   * Errors: what `work` throws, `ABORTED`, `CLOSED`; `INVALID_ARGUMENT` when the members do not agree on the number of partitions,
   * or this partitioner runs already; `ACCESS_DENIED` and whatever else the store refuses the member with.
   */
  async run(work: (partition: Partition) => Promise<void> | void, options: CallOptions = {}): Promise<never> {
    checkOptions("run", options, ["signal"]);
    if (typeof work !== "function") {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `run: the first argument is a function, not ${typeof work}`,
      );
    }
    this.#keeper.check();
    if (options.signal?.aborted) throw aborted(options.signal);
    if (this.#run) throw new ConclaveError("INVALID_ARGUMENT", "run: this partitioner runs already");
    const run = new PartitionRun(this.#keeper, {
      path: this.#path,
      id: this.id,
      partitions: this.#partitions,
      data: this.#data,
      work,
      changed: () => this.#changed(),
    });
    this.#run = run;
    try {
      return await run.run(options.signal);
    } finally {
      this.#run = undefined;
      this.#changed();
    }
  }

  #changed(): void {
    for (const reader of this.#readers) reader.push(() => this.owned);
  }
}
