import type { CreateOperation, Guard, Node, Operation, SetResult } from "../../backend/operations.js";
import type { BackendSession } from "../../backend/session.js";
import { ConclaveError } from "../../errors.js";
import { commit } from "../../internal/commit.js";
import type { LiveSession } from "../../internal/live-session.js";
import { hasPassed } from "../../internal/own-node.js";
import type { Place } from "../../internal/place.js";
import { decodeRecord, encodeRecord, type QueueLayout, type TaskRecord } from "./layout.js";
import { Mark } from "./mark.js";

const linearizable = { linearizable: true } as const;
const ownWrites = { linearizable: false } as const;

/** What became of an attempt to claim a task. */
export type Claiming =
  | { readonly result: "claimed"; readonly claim: Claim }
  /** Somebody else has it. */
  | { readonly result: "taken" }
  /** It was done meanwhile, or was moved to the dead letters just now. */
  | { readonly result: "gone" }
  /** Nobody waits for it any more. */
  | { readonly result: "unwanted" };

export interface ClaimOptions {
  /** As many attempts as a task has before it is moved to the dead letters. */
  readonly maxAttempts: number;
  /** Whether anybody still wants the task: asked before the attempt is counted. */
  isWanted(): boolean;
}

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

  get record(): TaskRecord {
    return this.#record;
  }

  /** Counts this attempt; false when the task is gone. */
  async count(): Promise<boolean> {
    for (;;) {
      const counted = { ...this.#record, attempts: this.#record.attempts + 1 };
      const data = encodeRecord(counted);
      try {
        const [result] = await this.#once((backend) => backend.commit([this.#set(data)], this.#guard));
        this.#version = (result as SetResult).version;
        this.#record = counted;
        return true;
      } catch (error) {
        if (ConclaveError.is(error, "NO_NODE")) return false;
        if (!ConclaveError.is(error, "BAD_VERSION") && !isUnknown(error)) throw error;
        const node = await this.#read(this.#layout.task(this.id));
        if (node === undefined) return false;
        // Of an unknown outcome: it was applied if the node is now as we would have made it.
        const applied = isUnknown(error) && node.version === this.#version + 1 && equal(node.data, data);
        this.#version = node.version;
        this.#record = decodeRecord(node.data);
        if (applied) return true;
      }
    }
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
    const path = this.#layout.task(this.id);
    for (;;) {
      const remove = { type: "delete", path, ifVersion: this.#version } as const;
      try {
        await commit(this.place.live, [...others, remove], this.#guard, undefined);
        return;
      } catch (error) {
        const unknown = isUnknown(error);
        if (ConclaveError.is(error, "NOT_HELD")) this.place.vanished();
        if (!unknown && !isOfTask(error, others.length)) throw error;
        const { task, stands } = await this.#look(path).catch((cause) => {
          throw unknown ? withOutcomeUnknown(cause) : cause;
        });
        if (!stands) throw unknown && task === undefined ? error : this.#vanished();
        // Of an unknown outcome: by us, with all the others. Else by somebody who went past the queue.
        if (task === undefined && (unknown || others.length === 0)) return;
        if (task === undefined) throw error;
        this.#version = task.version;
      }
    }
  }

  /** In this order: a mark that stands after the task was seen to be gone stood when it went. */
  async #look(path: string): Promise<{ readonly task: Node | undefined; readonly stands: boolean }> {
    const task = await this.#read(path);
    const mark = await this.#read(this.place.ticket.path);
    return { task, stands: mark?.createRevision === this.place.ticket.createRevision };
  }

  get #guard(): Guard {
    return this.place.guard;
  }

  #set(data: Uint8Array) {
    return {
      type: "set",
      path: this.#layout.task(this.id),
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

/** Claims a task and counts the attempt; a task that has had all of its attempts is moved to the dead letters instead. */
export async function claimTask(
  live: LiveSession,
  layout: QueueLayout,
  id: string,
  { maxAttempts, isWanted }: ClaimOptions,
): Promise<Claiming> {
  const mark = new Mark(live, layout, id);
  if (!(await mark.make())) return taken;
  // Reads after the session's own write see everything before it (READ-1): a task that was done before the mark was made is gone.
  const reading = live.idempotent((backend) => backend.get(layout.task(id), ownWrites));
  reading.catch(() => {});
  const place = await mark.place();
  if (place === undefined) return taken;
  try {
    const task = await reading;
    if (task === undefined) return await leaving(place, "gone");
    if (!isWanted()) return await leaving(place, "unwanted");
    const claim = new Claim(layout, id, place, task);
    if (claim.record.attempts >= maxAttempts) {
      await bury(claim);
      return await leaving(place, "gone");
    }
    return (await claim.count()) ? { result: "claimed", claim } : await leaving(place, "gone");
  } catch (error) {
    void place.quit();
    if (ConclaveError.is(error, "NOT_HELD")) return taken;
    throw error;
  }
}

const taken: Claiming = { result: "taken" };

/** Moves a claimed task to the dead letters: copied first, so that it is there twice rather than not at all. */
export async function bury(claim: Claim): Promise<void> {
  await claim.copyToDead();
  await claim.removeTask();
}

async function leaving(place: Place, result: "gone" | "unwanted"): Promise<Claiming> {
  await place.quit();
  return { result };
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
