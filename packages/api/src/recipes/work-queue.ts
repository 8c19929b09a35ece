import type { CreateOperation, CreateResult, Operation } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import { checkOptions, maxDataBytes } from "../internal/check.js";
import { commit } from "../internal/commit.js";
import type { Keeper } from "../internal/keeper.js";
import type { LiveSession } from "../internal/live-session.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../internal/wait.js";
import { type CallOptions, type Data, maxOperations } from "../node-writer.js";
import { DeadLetters } from "./dead-letters.js";
import {
  checkPriority,
  encodeRecord,
  lastPriority,
  priorityOf,
  QueueLayout,
  taskBytes,
} from "./queue-layout.js";
import { Takers } from "./queue-takers.js";
import type { Task } from "./task.js";

export interface WorkQueueOptions {
  /**
   * How often a task is handed out before it is moved to the dead letters (QUEUE-6). Each worker judges by its own: give all the
   * same. Default: no limit.
   */
  readonly maxAttempts?: number | undefined;
}

export interface PutOptions extends CallOptions {
  /** From 0, the most urgent, to 999. Default 500. */
  readonly priority?: number | undefined;
}

/** How many tasks a queue has. */
export interface QueueSize {
  /** Tasks that nobody has claimed. */
  readonly ready: number;
  /** Tasks that somebody has claimed and not finished. */
  readonly claimed: number;
  readonly dead: number;
}

const defaultPriority = Math.ceil(lastPriority / 2);

/**
 * A queue of tasks for many workers: each task is handed to one worker at a time, again after a worker died or gave it back, until
 * one acknowledges it. At least once: see QUEUE-1.
 */
export class WorkQueue {
  /** The tasks that had all of their attempts. */
  readonly deadLetters: DeadLetters;
  readonly #keeper: Keeper;
  readonly #layout: QueueLayout;
  readonly #takers: Takers;

  /** Queues come from `coordinator.workQueue(path)`. */
  constructor(keeper: Keeper, path: string, options: WorkQueueOptions) {
    const layout = new QueueLayout(path);
    checkOptions("workQueue", options, ["maxAttempts"]);
    const { maxAttempts } = options;
    if (maxAttempts !== undefined && !(Number.isSafeInteger(maxAttempts) && maxAttempts > 0)) {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `workQueue: maxAttempts must be a whole number from 1 on, not ${String(maxAttempts)}`,
      );
    }
    this.#keeper = keeper;
    this.#layout = layout;
    this.#takers = new Takers(keeper, layout, maxAttempts ?? Number.POSITIVE_INFINITY);
    this.deadLetters = new DeadLetters(keeper, layout);
  }

  /**
   * Puts a task and returns its id.
   *
   * Guarantees: exactly one task when it resolves, a lost reply included (OUT-3); the task is durable as a node is. Not guaranteed:
   * with outcome `"unknown"`, whether there is a task. Data: at most 999,990 bytes.
   * Errors: `DATA_TOO_LARGE`, `INVALID_ARGUMENT`, `CONNECTION_LOST`, `SESSION_LOST`, `ABORTED`.
   */
  async put(data: Data, options: PutOptions = {}): Promise<string> {
    checkOptions("put", options, ["priority", "signal"]);
    const creation = this.#creation("put", data, options);
    const live = await this.#keeper.live(options.signal);
    const [id = ""] = await this.#create(live, [creation], options.signal);
    return id;
  }

  /**
   * Puts tasks in their order and returns their ids, in as few commits as the backend takes. Guarantees: as `put` for each; of a
   * smaller index is put before. Not guaranteed: all or nothing. When it fails after some were put, the outcome is `"unknown"`
   * and the message says how many certainly were. Errors: as `put`.
   */
  async putAll(tasks: readonly Data[], options: PutOptions = {}): Promise<readonly string[]> {
    checkOptions("putAll", options, ["priority", "signal"]);
    if (!Array.isArray(tasks)) {
      throw new ConclaveError("INVALID_ARGUMENT", `putAll: takes a list of data, not ${typeof tasks}`);
    }
    const creations = tasks.map((data: Data) => this.#creation("putAll", data, options));
    const live = await this.#keeper.live(options.signal);
    const ids: string[] = [];
    for (const batch of batches(creations, live.capabilities.transactions ? maxOperations : 1)) {
      try {
        ids.push(...(await this.#create(live, batch, options.signal)));
      } catch (error) {
        if (ids.length === 0 || !ConclaveError.is(error)) throw error;
        const message = `putAll: after ${ids.length} of ${tasks.length} tasks were put: ${error.message}`;
        throw new ConclaveError(error.code, message, { outcome: "unknown", cause: error });
      }
    }
    return ids;
  }

  /**
   * Waits for a task, claims it and returns it. Belongs to the coordinator while it waits, and goes on in the next session; the
   * task belongs to the session in which it was claimed (QUEUE-2).
   *
   * Order: by priority, then by arrival, of what is unclaimed as this process last saw it (QUEUE-5). Several takes of one process
   * are served in their order. Given up by `signal` or `timeoutMs`, it leaves no claim behind and counts no attempt.
   * Errors: `ABORTED`, `TIMEOUT`, `CLOSED`; `ACCESS_DENIED` and whatever else the store refuses the claim with.
   */
  async take(options: WaitOptions = {}): Promise<Task> {
    checkWaitOptions("take", options);
    return waiting(this.#keeper.clock, "take", options, (signal) => this.#takers.take(signal));
  }

  /** How many tasks there are, read linearizably; not a snapshot. Errors: `ABORTED`, `CLOSED`, `SESSION_LOST`. */
  async size(options: CallOptions = {}): Promise<QueueSize> {
    checkOptions("size", options, ["signal"]);
    const live = await this.#keeper.live(options.signal);
    const { tasks, claims, dead } = this.#layout;
    const [taskNames, claimNames, deadNames] = await Promise.all(
      [tasks, claims, dead].map((path) => this.#namesIn(live, path, options.signal)),
    );
    const claimed = [...(claimNames ?? [])].filter((name) => taskNames?.has(name)).length;
    return { ready: (taskNames?.size ?? 0) - claimed, claimed, dead: deadNames?.size ?? 0 };
  }

  async #namesIn(live: LiveSession, path: string, signal: AbortSignal | undefined) {
    const children = await live.idempotent(
      (backend) => backend.children(path, { linearizable: true }),
      signal,
    );
    const names = (children ?? []).map(({ name }) => name);
    return new Set(names.filter((name) => priorityOf(name) !== undefined));
  }

  #creation(where: string, data: Data, { priority = defaultPriority }: PutOptions): CreateOperation {
    checkPriority(where, priority);
    const path = this.#layout.newTask(priority);
    return {
      type: "create",
      path,
      data: encodeRecord({ attempts: 0, data: taskBytes(data, path) }),
      ephemeral: false,
      sequential: true,
      parents: true,
    };
  }

  async #create(
    live: LiveSession,
    creations: readonly CreateOperation[],
    signal: AbortSignal | undefined,
  ): Promise<string[]> {
    const results = await this.#commit(live, creations, signal);
    return results.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
  }

  /** Of several operations in one commit, none may make parents: the first failure tells that they are missing. */
  async #commit(
    live: LiveSession,
    creations: readonly CreateOperation[],
    signal: AbortSignal | undefined,
  ): Promise<readonly CreateResult[]> {
    const run = async (operations: readonly Operation[]) =>
      (await commit(live, operations, undefined, signal)) as readonly CreateResult[];
    if (creations.length === 1) return run(creations);
    const plain = creations.map((creation) => ({ ...creation, parents: false }));
    try {
      return await run(plain);
    } catch (error) {
      if (!ConclaveError.is(error, "NO_NODE")) throw error;
      await this.#makeParents(live, signal);
      return run(plain);
    }
  }

  async #makeParents(live: LiveSession, signal: AbortSignal | undefined): Promise<void> {
    const path = this.#layout.tasks;
    const parents = { ephemeral: false, sequential: false, parents: true };
    const create: CreateOperation = { type: "create", path, data: new Uint8Array(0), ...parents };
    try {
      await live.idempotent((backend) => backend.commit([create], undefined), signal);
    } catch (error) {
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
    }
  }
}

/** Consecutive pieces of a list, each within what one commit may hold. */
function* batches(creations: readonly CreateOperation[], atMost: number): Generator<CreateOperation[]> {
  let batch: CreateOperation[] = [];
  let bytes = 0;
  for (const creation of creations) {
    if (batch.length === atMost || (batch.length > 0 && bytes + creation.data.length > maxDataBytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(creation);
    bytes += creation.data.length;
  }
  if (batch.length > 0) yield batch;
}
