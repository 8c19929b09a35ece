import type { CreateOperation } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import { ConclaveError, type ErrorCode } from "../errors.js";
import { firstOf } from "../internal/first-of.js";
import type { Keeper } from "../internal/keeper.js";
import type { LiveSession } from "../internal/live-session.js";
import { pause } from "../internal/pause.js";
import { checkDescription, encode, type Instance, type InstanceDescription, instanceOf } from "./instance.js";

/** How long to hold back when the store refuses the entry, as a share of the session timeout. */
const holdBackShare = 1 / 10;

/** Refusals that say that the entry is no longer the one that was read. */
const passed: readonly ErrorCode[] = ["NO_NODE", "BAD_VERSION", "NOT_HELD"];

/** Of each coordinator, the registration that speaks for each path: the latest (DISC-1). */
const speakersOf = new WeakMap<Keeper, Map<string, Registration>>();

function speakers(keeper: Keeper): Map<string, Registration> {
  const known = speakersOf.get(keeper) ?? new Map<string, Registration>();
  speakersOf.set(keeper, known);
  return known;
}

/**
 * One instance's entry in the directory, kept until it is withdrawn: written in the current session and again in each later one,
 * always with the latest payload (DISC-1, DISC-2).
 */
export class Registration {
  readonly #keeper: Keeper;
  readonly #path: string;
  readonly #stopFollowing: () => void;
  #instance: Instance;
  /** The payload as it was when it was given: metadata may change under us (NODE-9). */
  #data: Uint8Array;
  #withdrawn = false;
  /** A later registration of the same coordinator speaks for the id now (DISC-1). */
  #replaced = false;
  #sessionId: string | undefined;
  #first: { resolve(): void; reject(error: unknown): void } | undefined;
  #refusal: unknown;
  readonly #refused = new Set<(error: unknown) => void>();
  /** The writes of this entry, one after another, so that the last word stays the last. */
  #work: Promise<void> = Promise.resolve();

  /** Registrations come from `discovery.register`. */
  constructor(keeper: Keeper, path: string, instance: Instance, data: Uint8Array) {
    this.#keeper = keeper;
    this.#path = path;
    this.#instance = instance;
    this.#data = data;
    const before = speakers(keeper).get(path);
    speakers(keeper).set(path, this);
    if (before) this.#work = before.#giveWay();
    this.#stopFollowing = keeper.follow((live) => void this.#publish(live).catch(() => {}));
  }

  /** The latest payload. */
  get instance(): Instance {
    return this.#instance;
  }

  /**
   * Id of the session in which the entry was written; `undefined` once that session is over, until it is written again. Not
   * guaranteed: that nobody else has deleted or replaced the entry since.
   */
  get sessionId(): string | undefined {
    return this.#sessionId !== undefined && this.#keeper.current?.id === this.#sessionId
      ? this.#sessionId
      : undefined;
  }

  /** Resolves when the entry stands for the first time; rejects when the store refuses it, for any reason but lost contact. */
  firstPublished(): Promise<void> {
    if (this.#sessionId !== undefined) return Promise.resolve();
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject };
    });
  }

  /**
   * Replaces address, port or metadata. Resolves when the entry shows it; without a session now, at once, and the next session
   * shows it. Errors: `INVALID_ARGUMENT`, `DATA_TOO_LARGE`, `CLOSED` once withdrawn or replaced; whatever the store refuses the
   * entry with, which is then tried again behind the caller's back.
   */
  async update(change: Partial<Pick<InstanceDescription, "address" | "port" | "metadata">>): Promise<void> {
    if (this.#withdrawn)
      throw new ConclaveError("CLOSED", "the registration was withdrawn", { path: this.#path });
    checkDescription("update", change, ["address", "port", "metadata"]);
    const instance = instanceOf({ ...this.#instance, ...change });
    this.#data = encode(instance, this.#path);
    this.#instance = instance;
    await firstOf<void>((resolve, reject) => {
      this.#refused.add(reject);
      this.#now().then(resolve, reject);
      return [() => this.#refused.delete(reject)];
    });
  }

  /** Withdraws the entry for good: whatever happens, it does not come back (DISC-2). Idempotent. */
  async unregister(): Promise<void> {
    this.#withdrawn = true;
    this.#stopFollowing();
    if (this.#replaced) return;
    try {
      await this.#now();
    } finally {
      const speaking = speakers(this.#keeper);
      if (speaking.get(this.#path) === this) speaking.delete(this.#path);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unregister();
  }

  async #now(): Promise<void> {
    const live = this.#keeper.current;
    // Without a session there is no entry of ours, or one that is about to vanish with its session.
    if (live === undefined) return;
    try {
      await this.#publish(live);
    } catch (error) {
      if (!live.signal.aborted) throw error;
    }
  }

  /** Says and removes nothing from now on; resolves when what it was writing is written. */
  #giveWay(): Promise<void> {
    this.#replaced = true;
    this.#withdrawn = true;
    this.#sessionId = undefined;
    this.#stopFollowing();
    return this.#work.catch(() => {});
  }

  #publish(live: LiveSession): Promise<void> {
    const publish = async () => {
      if (this.#withdrawn) await this.#remove(live);
      else await this.#write(live);
    };
    this.#work = this.#work.then(publish, publish);
    return this.#work;
  }

  /** Makes the entry say what it should. Each step may be repeated, so lost replies do no harm. */
  async #write(live: LiveSession): Promise<void> {
    while (!this.#withdrawn) {
      const data = this.#data;
      try {
        if (await live.idempotent((backend) => this.#put(backend, data))) {
          if (this.#data !== data) continue;
          this.#sessionId = this.#replaced ? undefined : live.id;
          this.#first?.resolve();
          return;
        }
      } catch (error) {
        if (live.signal.aborted) throw error;
        this.#refusal = error;
        this.#first?.reject(error);
        for (const reject of [...this.#refused]) reject(error);
        await pause(live.clock, live.timeoutMs * holdBackShare, live.signal);
      }
    }
    await this.#remove(live);
  }

  /** One round of writing; false when somebody else's entry was in the way and has to be looked at again. */
  async #put(backend: BackendSession, data: Uint8Array): Promise<boolean> {
    const path = this.#path;
    const create: CreateOperation = {
      type: "create",
      path,
      data,
      ephemeral: true,
      sequential: false,
      parents: true,
    };
    try {
      await backend.commit([create], undefined);
      return true;
    } catch (error) {
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
    }
    const node = await backend.get(path, { linearizable: true });
    if (node === undefined) return false;
    const isOurs = node.ephemeralOwner === backend.id;
    try {
      // An entry of an earlier session, of this process or of one before it, gives way.
      // The guard tells it from one that another session puts in its place meanwhile, of which the version may be the same.
      if (isOurs) await backend.commit([{ type: "set", path, data, ifVersion: undefined }], node);
      else await backend.commit([{ type: "delete", path, ifVersion: node.version }], undefined);
      return isOurs;
    } catch (error) {
      if (passed.some((code) => ConclaveError.is(error, code))) return false;
      throw error;
    }
  }

  async #remove(live: LiveSession): Promise<void> {
    const path = this.#path;
    this.#sessionId = undefined;
    if (this.#replaced) return;
    await live.idempotent(async (backend) => {
      const node = await backend.get(path, { linearizable: true });
      if (node?.ephemeralOwner !== backend.id) return;
      await backend.commit([{ type: "delete", path, ifVersion: undefined }], node).catch((error) => {
        if (!passed.some((code) => ConclaveError.is(error, code))) throw error;
      });
    });
  }
}
