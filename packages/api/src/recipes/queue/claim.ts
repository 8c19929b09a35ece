import type { CreateOperation, Guard, Node, Operation, SetResult } from "../../backend/operations.js";
import type { BackendSession } from "../../backend/session.js";
import { ConclaveError } from "../../errors.js";
import { commit } from "../../internal/commit.js";
import { hasPassed } from "../../internal/own-node.js";
import type { Place } from "../../internal/place.js";
import { decodeRecord, encodeRecord, type QueueLayout, type TaskRecord } from "./layout.js";

const linearizable = { linearizable: true } as const;

/**
 * A claimed task: an ephemeral mark, and the task's node, of which the version moves with every claim.
 *
 * Every change is one operation, in an order in which stopping between any two of them loses nothing: the task's node is the last
 * thing to go, and the mark goes with its session in any case. The mark guards each write. Where the store cannot judge guard and
 * write as one (`guardedWrites: "session"`), the version does: whoever claims the task after us has moved it.
 */
export class Claim {
  readonly id: string;
  readonly place: Place;
  readonly #layout: QueueLayout;
  #version: number;
  #record: TaskRecord;

  constructor(layout: QueueLayout, id: string, place: Place, task: Node) {
    this.id = id;
    this.place = place;
    this.#layout = layout;
    this.#version = task.version;
    this.#record = decodeRecord(task.data);
  }

  /** Of the task's node. */
  get path(): string {
    return this.#layout.task(this.id);
  }

  get record(): TaskRecord {
    return this.#record;
  }

  /** Counts this attempt; false when the task is gone. */
  count(): Promise<boolean> {
    return this.#write((record) => ({ ...record, attempts: record.attempts + 1 }));
  }

  /** Takes the count back, as far as it still stands as this claim left it. */
  async uncount(): Promise<void> {
    const data = encodeRecord({ ...this.#record, attempts: this.#record.attempts - 1 });
    await this.#repeatably((backend) => backend.commit([this.#set(data)], this.#guard));
  }

  /** Puts a copy into the dead letters; the task itself still stands, and whoever claims it next goes on from there. */
  async copyToDead(): Promise<void> {
    const create: CreateOperation = {
      type: "create",
      path: this.#layout.deadLetter(this.id),
      data: encodeRecord(this.#record),
      ephemeral: false,
      sequential: false,
      parents: true,
    };
    try {
      await this.place.live.idempotent((backend) => backend.commit([create], this.#guard));
    } catch (error) {
      // By somebody who got no further, or by us, with a reply that was lost.
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
    }
  }

  /**
   * Removes the task while the mark stands, in one commit with `others`. Rejects with `NOT_HELD` when it does not, and as the others
   * do when one of them is refused. A lost reply is resolved while the mark stands: nobody else can have removed the task then.
   * Otherwise the outcome stays unknown (OUT-1).
   */
  async removeTask(others: readonly Operation[] = []): Promise<void> {
    const { path } = this;
    // Whether a commit was sent of which nobody knows whether it was applied, or still will be.
    let isInDoubt = false;
    for (;;) {
      const remove = { type: "delete", path, ifVersion: this.#version } as const;
      try {
        await commit(this.place.live, [...others, remove], this.#guard, undefined);
        return;
      } catch (error) {
        isInDoubt ||= isUnknown(error);
        if (ConclaveError.is(error, "NOT_HELD")) this.place.vanished();
        if (!isInDoubt && !isOfTask(error, others.length)) throw error;
        const { task, stands } = await this.#look().catch((cause) => {
          throw isInDoubt ? withOutcomeUnknown(cause) : cause;
        });
        if (!stands) throw isInDoubt && task === undefined ? withOutcomeUnknown(error) : this.#vanished();
        // In doubt: by us, with all the others. Else by somebody who went past the queue.
        if (task === undefined && (isInDoubt || others.length === 0)) return;
        if (task === undefined) throw error;
        this.#version = task.version;
        if (isInDoubt) isInDoubt = !(await this.#outdate());
      }
    }
  }

  /** Moves the task's version on, so that a commit that was sent before cannot be applied any more; false when that failed. */
  #outdate(): Promise<boolean> {
    return this.#write((record) => record).catch((error) => {
      if (ConclaveError.is(error, "NOT_HELD")) return false;
      throw withOutcomeUnknown(error);
    });
  }

  /** Sets the task's node, whatever becomes of replies; false when the task is gone. */
  async #write(change: (record: TaskRecord) => TaskRecord): Promise<boolean> {
    let isInDoubt = false;
    for (;;) {
      const record = change(this.#record);
      const data = encodeRecord(record);
      try {
        const [result] = await this.#once((backend) => backend.commit([this.#set(data)], this.#guard));
        this.#version = (result as SetResult).version;
        this.#record = record;
        return true;
      } catch (error) {
        if (ConclaveError.is(error, "NO_NODE")) return false;
        isInDoubt ||= isUnknown(error);
        if (!ConclaveError.is(error, "BAD_VERSION") && !isUnknown(error)) throw error;
        const node = await this.#read(this.path);
        if (node === undefined) return false;
        // In doubt: it was applied if the node is now as we would have made it, also by a request that came late.
        const isApplied = isInDoubt && node.version === this.#version + 1 && equal(node.data, data);
        this.#version = node.version;
        this.#record = decodeRecord(node.data);
        if (isApplied) return true;
      }
    }
  }

  /** In this order: a mark that stands after the task was seen to be gone stood when it went. */
  async #look(): Promise<{ readonly task: Node | undefined; readonly stands: boolean }> {
    const task = await this.#read(this.path);
    const mark = await this.#read(this.place.ticket.path);
    return { task, stands: mark?.createRevision === this.place.ticket.createRevision };
  }

  get #guard(): Guard {
    return this.place.guard;
  }

  #set(data: Uint8Array) {
    return {
      type: "set",
      path: this.path,
      data,
      ifVersion: this.#version,
    } as const;
  }

  async #once<T>(call: (backend: BackendSession) => Promise<T>): Promise<T> {
    try {
      return await this.place.live.once(call);
    } catch (error) {
      // The refusal may come before the watch tells.
      if (ConclaveError.is(error, "NOT_HELD")) this.place.vanished();
      throw error;
    }
  }

  /** Does what may be done twice; nothing when the claim or the task is no longer as it was. */
  async #repeatably(call: (backend: BackendSession) => Promise<unknown>): Promise<void> {
    try {
      await this.place.live.idempotent(call);
    } catch (error) {
      if (!hasPassed(error)) throw error;
    }
  }

  #read(path: string): Promise<Node | undefined> {
    return this.place.live.idempotent((backend) => backend.get(path, linearizable));
  }

  #vanished(): ConclaveError {
    this.place.vanished();
    return new ConclaveError("NOT_HELD", "the claim was deleted from outside", {
      path: this.place.ticket.path,
    });
  }
}

/** Moves a claimed task to the dead letters: copied first, so that it is there twice rather than not at all. */
export async function bury(claim: Claim): Promise<void> {
  await claim.copyToDead();
  await claim.removeTask();
}

function isUnknown(error: unknown): boolean {
  return ConclaveError.is(error, "CONNECTION_LOST") && error.outcome === "unknown";
}

/** Whether a commit failed because the task is no longer as it was, and not because of one of the operations before its removal. */
function isOfTask(error: unknown, operation: number): boolean {
  if (!ConclaveError.is(error, "NO_NODE") && !ConclaveError.is(error, "BAD_VERSION")) return false;
  return (error.operation ?? 0) === operation;
}

function withOutcomeUnknown(error: unknown): unknown {
  if (!ConclaveError.is(error)) return error;
  const { code, message, path, cause } = error;
  return new ConclaveError(code, message, { outcome: "unknown", path, cause });
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
