import type { CreateResult } from "../../backend/operations.js";
import { ConclaveError } from "../../errors.js";
import { checkOptions, checkPath, checkSegment } from "../../internal/check.js";
import { commit } from "../../internal/commit.js";
import type { Keeper } from "../../internal/keeper.js";
import type { CallOptions } from "../../node-writer.js";
import { checkPriority, decodeRecord, encodeRecord, priorityOf, type QueueLayout } from "./layout.js";

export interface RequeueOptions extends CallOptions {
  /** Default: the one that it had. */
  readonly priority?: number | undefined;
}

/** A task that had all of its attempts. */
export interface DeadLetter {
  readonly id: string;
  readonly data: Uint8Array;
  /** How many attempts it had. */
  readonly attempts: number;
  readonly priority: number;
}

/** The tasks of a queue that had all of their attempts (QUEUE-6). They stay until somebody says what becomes of them. */
export class DeadLetters {
  readonly #keeper: Keeper;
  readonly #layout: QueueLayout;

  /** Dead letters come from `queue.deadLetters`. */
  constructor(keeper: Keeper, layout: QueueLayout) {
    this.#keeper = keeper;
    this.#layout = layout;
  }

  /** All dead letters with their data, in no particular order; read linearizably. Errors: `ABORTED`, `CLOSED`, `SESSION_LOST`. */
  async list(options: CallOptions = {}): Promise<readonly DeadLetter[]> {
    checkOptions("list", options, ["signal"]);
    const { signal } = options;
    const live = await this.#keeper.live(signal);
    const children = await live.idempotent(
      (backend) => backend.childNodes(this.#layout.dead, { linearizable: true }),
      signal,
    );
    return (children ?? []).flatMap(({ name, node }) => {
      const priority = priorityOf(name);
      return priority === undefined ? [] : [{ id: name, priority, ...decodeRecord(node.data) }];
    });
  }

  /**
   * Puts a dead letter into the queue again, as a new task with all attempts before it, behind those of its priority; returns the
   * new id. Guarantees: it is never lost. Not guaranteed: that it is there only once when the call fails or when two do it at once,
   * unless the backend has transactions and the outcome is known.
   * Errors: `NO_NODE` (no such dead letter), `INVALID_PATH` (id), `INVALID_ARGUMENT`, `CONNECTION_LOST`, `SESSION_LOST`.
   */
  async requeue(id: string, options: RequeueOptions = {}): Promise<string> {
    const path = this.#pathOf(id);
    checkOptions("requeue", options, ["priority", "signal"]);
    const { priority = priorityOf(id) ?? 0, signal } = options;
    checkPriority("requeue", priority);
    const live = await this.#keeper.live(signal);
    const letter = await live.idempotent((backend) => backend.get(path, { linearizable: true }), signal);
    if (letter === undefined) throw new ConclaveError("NO_NODE", `no dead letter ${id}`, { path });
    const create = {
      type: "create",
      path: this.#layout.newTask(priority),
      data: encodeRecord({ attempts: 0, data: decodeRecord(letter.data).data }),
      ephemeral: false,
      sequential: true,
      parents: false,
    } as const;
    const remove = { type: "delete", path, ifVersion: letter.version } as const;
    // The task stands before the letter is gone.
    const steps = live.capabilities.transactions ? [[create, remove]] : [[create], [remove]];
    const [[made] = []] = await inTurn(steps, (operations) => commit(live, operations, undefined, signal));
    return nameOf((made as CreateResult).path);
  }

  /** Deletes a dead letter. Errors: `NO_NODE` (no such dead letter), `INVALID_PATH` (id), `CONNECTION_LOST`, `SESSION_LOST`. */
  async remove(id: string, options: CallOptions = {}): Promise<void> {
    const path = this.#pathOf(id);
    checkOptions("remove", options, ["signal"]);
    const live = await this.#keeper.live(options.signal);
    await commit(live, [{ type: "delete", path, ifVersion: undefined }], undefined, options.signal);
  }

  #pathOf(id: string): string {
    checkSegment(id);
    const path = this.#layout.deadLetter(id);
    checkPath(path);
    return path;
  }
}

async function inTurn<T, R>(items: readonly T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await run(item));
  return results;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
