import { ConclaveError } from "../errors.js";
import type { Ongoing } from "./established.js";
import { firstOf } from "./first-of.js";
import type { Keeper } from "./keeper.js";
import type { LiveSession } from "./live-session.js";
import { pause } from "./pause.js";
import { quit } from "./quit.js";
import { SessionNode } from "./session-node.js";

/** How long to hold back when the store refuses the node, as a share of the session timeout. */
const holdBackShare = 1 / 10;

/** Of each coordinator, the kept node that speaks for each path: the latest (DISC-1). */
const speakersOf = new WeakMap<Keeper, Map<string, KeptNode>>();

function speakers(keeper: Keeper): Map<string, KeptNode> {
  const known = speakersOf.get(keeper) ?? new Map<string, KeptNode>();
  speakersOf.set(keeper, known);
  return known;
}

/**
 * An ephemeral node that is kept until it is left: written in the current session and again in each later one, always with the
 * latest data (DISC-1, DISC-2). What registrations and memberships are made of.
 */
export class KeptNode implements Ongoing {
  readonly #keeper: Keeper;
  readonly #path: string;
  readonly #node: SessionNode;
  readonly #stopFollowing: () => void;
  /** Nobody changes these bytes: what was given is what comes back (NODE-9). */
  #data: Uint8Array;
  /** The data that the node was last seen to be written with. */
  #shown: Uint8Array | undefined;
  #left = false;
  #leaving: Promise<void> | undefined;
  /** A later one of the same coordinator speaks for the path now (DISC-1). */
  #replaced = false;
  #sessionId: string | undefined;
  #first: { resolve(): void; reject(error: unknown): void } | undefined;
  #refusal: unknown;
  readonly #refused = new Set<(error: unknown) => void>();
  /** The writes of this node, one after another, so that the last word stays the last. */
  #work: Promise<void> = Promise.resolve();

  constructor(keeper: Keeper, path: string, data: Uint8Array) {
    this.#keeper = keeper;
    this.#path = path;
    this.#node = new SessionNode(path);
    this.#data = data;
    const before = speakers(keeper).get(path);
    speakers(keeper).set(path, this);
    if (before) this.#work = before.#giveWay();
    this.#stopFollowing = keeper.follow((live) => void this.#publish(live).catch(() => {}));
  }

  get path(): string {
    return this.#path;
  }

  /** The latest data; not to be changed. */
  get data(): Uint8Array {
    return this.#data;
  }

  /**
   * Id of the session in which the node was written; `undefined` once that session is over, until it is written again. Not
   * guaranteed: that nobody else has deleted or replaced it since.
   */
  get sessionId(): string | undefined {
    return this.#sessionId !== undefined && this.#keeper.current?.id === this.#sessionId
      ? this.#sessionId
      : undefined;
  }

  /** Throws `CLOSED` once it was left or replaced, or its coordinator is closed. */
  check(): void {
    this.#keeper.check();
    if (this.#left) throw this.#over();
  }

  /**
   * Resolves when the node stands for the first time; rejects when the store refuses it, for any reason but lost contact, and when
   * it is replaced before.
   */
  begun(): Promise<void> {
    if (this.#sessionId !== undefined) return Promise.resolve();
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject };
    });
  }

  /**
   * Replaces the data. Resolves when the node shows them; without a session now, at once, and the next session shows them.
   * So it does when later data, or leaving, overtake it. Rejects with whatever the store refuses the node with, which is then tried
   * again behind the caller's back, and with `CLOSED` when it is replaced, or its coordinator closed, before the node shows them.
   */
  async update(data: Uint8Array): Promise<void> {
    this.check();
    this.#data = data;
    await firstOf<void>((resolve, reject) => {
      this.#refused.add(reject);
      this.#now().then(resolve, reject);
      return [() => this.#refused.delete(reject)];
    });
    // Overtaken by what the same holder said later it is well; by anything else it is not.
    if (this.#shown !== data && (!this.#left || this.#replaced)) this.check();
  }

  /**
   * Leaves for good: whatever happens, the node does not come back (DISC-2). Idempotent; rejects with whatever the store fails to
   * remove the node with, and may then be called again.
   */
  leave(): Promise<void> {
    this.#left = true;
    this.#stopFollowing();
    // Once it has left, a node of that path is somebody else's, of the same session perhaps.
    this.#leaving ??= this.#leave().catch((error) => {
      this.#leaving = undefined;
      throw error;
    });
    return this.#leaving;
  }

  giveUp(): void {
    const live = this.#keeper.current;
    void (live === undefined ? this.leave() : quit(live, () => this.leave()));
  }

  /** Speaks for the path until the node is gone, so that a later one of the path waits for that, and is not removed by it. */
  async #leave(): Promise<void> {
    if (!this.#replaced) await this.#now();
    const speaking = speakers(this.#keeper);
    if (speaking.get(this.#path) === this) speaking.delete(this.#path);
  }

  async #now(): Promise<void> {
    const live = this.#keeper.current;
    // Without a session there is no node of ours, or one that is about to vanish with its session.
    if (live === undefined) return;
    try {
      await this.#publish(live);
    } catch (error) {
      if (!live.signal.aborted) throw error;
    }
  }

  #over(): ConclaveError {
    const why = this.#replaced
      ? "replaced by a later one of the same id in this process"
      : "left or withdrawn";
    return new ConclaveError("CLOSED", `it was ${why}`, { path: this.#path });
  }

  /** Says and removes nothing from now on; resolves when what it was writing is written. */
  #giveWay(): Promise<void> {
    this.#replaced = true;
    this.#left = true;
    this.#sessionId = undefined;
    this.#stopFollowing();
    this.#first?.reject(this.#over());
    return this.#work.catch(() => {});
  }

  #publish(live: LiveSession): Promise<void> {
    const publish = async () => {
      if (this.#left) await this.#remove(live);
      else await this.#write(live);
    };
    this.#work = this.#work.then(publish, publish);
    return this.#work;
  }

  /** Makes the node say what it should. */
  async #write(live: LiveSession): Promise<void> {
    while (!this.#left) {
      const data = this.#data;
      try {
        if (await live.idempotent((backend) => this.#node.put(backend, data))) {
          this.#shown = data;
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

  async #remove(live: LiveSession): Promise<void> {
    this.#sessionId = undefined;
    if (this.#replaced) return;
    await live.idempotent((backend) => this.#node.remove(backend));
  }
}
