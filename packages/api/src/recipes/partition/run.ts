import type { ChildNode, CreateOperation } from "../../backend/operations.js";
import { ConclaveError, type ErrorCode } from "../../errors.js";
import { aborted } from "../../internal/calls.js";
import { firstOf } from "../../internal/first-of.js";
import { holdBack } from "../../internal/hold-back.js";
import type { Keeper } from "../../internal/keeper.js";
import { type LiveChildren, liveChildNodes } from "../../internal/live-children.js";
import type { LiveSession } from "../../internal/live-session.js";
import { onAbort } from "../../internal/on-abort.js";
import { RendezvousTable } from "../../internal/rendezvous.js";
import { type Member, memberOf } from "../group/member.js";
import { PartitionEntry } from "./entry.js";
import { handedOver, type Partition } from "./partition.js";
import { PartitionSlot } from "./slot.js";

/** What ends an attempt to join and not the wish to. `CLOSED` is the session here. */
const passingCodes: readonly ErrorCode[] = ["SESSION_LOST", "CONNECTION_LOST", "CLOSED"];

/** What a member runs under. */
export interface PartitionRunConfig {
  readonly path: string;
  readonly id: string;
  readonly partitions: number;
  readonly data: Uint8Array;
  work(partition: Partition): Promise<void> | void;
  /** What this process owns may have changed. */
  changed(): void;
}

/**
 * One member among the others: in each session it joins anew, and while it is seen to be one of them it is to have each partition
 * that the members' names give it.
 */
export class PartitionRun {
  readonly #keeper: Keeper;
  readonly #config: PartitionRunConfig;
  readonly #rendezvous: RendezvousTable;
  readonly #slots: readonly PartitionSlot[];
  readonly #failing = new AbortController();
  /** Who takes part, across sessions; while contact is in doubt, whoever did when it last was not. */
  readonly #members: LiveChildren<ChildNode, Member>;
  #entry: PartitionEntry | undefined;
  #forgetSession: () => void = () => {};
  #ended = false;

  constructor(keeper: Keeper, config: PartitionRunConfig) {
    const { path, partitions, data, changed } = config;
    this.#keeper = keeper;
    this.#config = config;
    this.#rendezvous = new RendezvousTable(partitions);
    const failed = (error: unknown) => this.#failing.abort(error);
    this.#members = liveChildNodes(keeper, `${path}/members`, memberOf);
    this.#members.observe({ reported: () => this.#assign(), ended: failed });
    const work = (partition: Partition) => config.work(partition);
    this.#slots = Array.from(
      { length: partitions },
      (_, index) =>
        new PartitionSlot(index, { line: `${path}/partitions/${index}`, data, work, changed, failed }),
    );
  }

  get owned(): readonly number[] {
    return this.#slots.flatMap((slot, index) => (slot.isOwned ? [index] : []));
  }

  /** Takes part until `signal` aborts, the coordinator is closed or something fails; then, once all work has settled, rejects. */
  async run(signal: AbortSignal | undefined): Promise<never> {
    const { signal: closing } = this.#keeper;
    const failing = this.#failing.signal;
    const stopFollowing = this.#keeper.follow((live) => void this.#takePart(live));
    const reason = await firstOf<unknown>((resolve) => [
      onAbort(failing, () => resolve(failing.reason)),
      onAbort(closing, () => resolve(closing.reason)),
      onAbort(signal, () => resolve(aborted(signal))),
    ]);
    stopFollowing();
    this.#forgetSession();
    this.#ended = true;
    // The others may stand in line before this member is out of it.
    void this.#entry?.leave();
    this.#members.close();
    this.#letAllGo(ConclaveError.is(reason) ? reason : handedOver(undefined));
    await Promise.all(this.#slots.map((slot) => slot.idle()));
    throw reason;
  }

  /** Joins the members in a session. */
  async #takePart(live: LiveSession): Promise<void> {
    this.#forgetSession = onAbort(live.signal, () => {
      this.#entry = undefined;
      this.#letAllGo(live.signal.reason);
    });
    while (!this.#ended && !live.signal.aborted) {
      try {
        await this.#agree(live);
        if (this.#ended) return;
        this.#join(live);
        return;
      } catch (error) {
        if (!passingCodes.some((code) => ConclaveError.is(error, code))) {
          this.#failing.abort(error);
          return;
        }
        await holdBack(live);
      }
    }
  }

  #join(live: LiveSession): void {
    const { path, id, data } = this.#config;
    this.#entry = new PartitionEntry(live, {
      path: `${path}/members/${id}`,
      data,
      made: () => this.#assign(),
      failed: (error) => this.#failing.abort(error),
    });
    this.#assign();
  }

  /** Whoever is not seen to be a member in the current session is to have nothing. */
  #assign(): void {
    const live = this.#keeper.current;
    if (this.#ended || live === undefined) return;
    const { id } = this.#config;
    const { values } = this.#members;
    const isMember = this.#entry?.seen(values.get(id)) === true;
    const owners = this.#rendezvous.owners(isMember ? values.keys() : []);
    for (const [index, slot] of this.#slots.entries()) {
      const owner = owners[index];
      if (owner === id) slot.want(live);
      else slot.letGo(handedOver(owner));
    }
  }

  #letAllGo(reason: ConclaveError): void {
    for (const slot of this.#slots) slot.letGo(reason);
  }

  /** Says how many partitions there are, or finds that the first who said so said something else. */
  async #agree(live: LiveSession): Promise<void> {
    const { partitions } = this.#config;
    const path = `${this.#config.path}/partitions`;
    const create: CreateOperation = {
      type: "create",
      path,
      data: new TextEncoder().encode(String(partitions)),
      ephemeral: false,
      sequential: false,
      parents: true,
    };
    const said = await live.idempotent(async (backend) => {
      for (;;) {
        const node = await backend.get(path, { linearizable: true });
        if (node) return new TextDecoder().decode(node.data);
        try {
          await backend.commit([create], undefined);
          return String(partitions);
        } catch (error) {
          if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
        }
      }
    });
    if (said === String(partitions)) return;
    throw new ConclaveError(
      "INVALID_ARGUMENT",
      `partitioner: ${path} says ${JSON.stringify(said.slice(0, 20))} partitions, not ${partitions}; all members say the same`,
      { path },
    );
  }
}
