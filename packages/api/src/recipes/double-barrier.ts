import type { BackendSession } from "../backend/session.js";
import { ConclaveError, type ErrorCode } from "../errors.js";
import { aborted } from "../internal/calls.js";
import { checkOptions, checkPath, checkSequentialPath } from "../internal/check.js";
import type { Keeper } from "../internal/keeper.js";
import { Member } from "../internal/member.js";
import { nodeChange } from "../internal/node-change.js";
import { onAbort } from "../internal/on-abort.js";
import { decodeRound, encodeRound, judge, memberPrefix, type Round } from "../internal/round.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../internal/wait.js";
import { BarrierRound } from "./barrier-round.js";

export interface DoubleBarrierOptions {
  /** How many enter together: a whole number from 1 to 10,000, the same in every process. */
  readonly count: number;
}

/** The names of a round's members are the data of one node. */
const maxCount = 10_000;

/** Refusals that say that somebody else began a round first. */
const overtaken: readonly ErrorCode[] = ["NODE_EXISTS", "BAD_VERSION", "NO_NODE"];

/**
 * A double barrier: `count` processes begin together and end together, round after round. After the double barrier recipe of
 * ZooKeeper's documentation, with one difference: the node `ready`, which lets members pass, names them. So a round never takes
 * one of the next for its own, needs no transaction, and begins once however many see that enough have come.
 */
export class DoubleBarrier {
  readonly #keeper: Keeper;
  readonly #path: string;
  readonly #count: number;

  /** Double barriers come from `coordinator.doubleBarrier(path, { count })`. */
  constructor(keeper: Keeper, path: string, options: DoubleBarrierOptions) {
    checkOptions("doubleBarrier", options, ["count"]);
    const count = options?.count;
    if (!(Number.isSafeInteger(count) && count >= 1 && count <= maxCount)) {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `doubleBarrier: count must be a whole number from 1 to ${maxCount}, not ${String(count)}`,
        { path },
      );
    }
    this.#keeper = keeper;
    this.#path = path === "/" ? "" : path;
    this.#count = count;
    checkPath(this.#ready);
    checkSequentialPath(this.#prefix);
  }

  /**
   * Stands at the barrier in the current session and resolves when `count` stand there and the former round is over (BAR-3,
   * BAR-4): first come, first served; who comes beyond `count` waits for the next round.
   *
   * Given up by `signal`, `timeoutMs` or an error, its node is removed as soon as there is contact (BAR-6). Not guaranteed: that a
   * round which was about to begin then does not count it any more.
   * Errors: `INVALID_ARGUMENT` (somebody who came before waits for another number, BAR-7), `SESSION_LOST` (promptly; it then never
   * enters later), `NOT_HELD` (its node was deleted, from outside or by a store that ended the session), `INVALID_DATA` (`ready`
   * holds something else), `ABORTED`, `TIMEOUT`, `CLOSED`.
   */
  async enter(options: WaitOptions = {}): Promise<BarrierRound> {
    checkWaitOptions("enter", options);
    return waiting(this.#keeper.clock, "enter", options, async (signal) => {
      const live = await this.#keeper.live(signal);
      const member = await Member.join(live, this.#prefix, signal);
      try {
        const members = await this.#untilNamed(member, signal);
        member.check();
        return new BarrierRound(member, this.#path, members);
      } catch (error) {
        void member.quit();
        throw error;
      }
    });
  }

  get #ready(): string {
    return `${this.#path}/ready`;
  }

  get #prefix(): string {
    return `${this.#path}/${memberPrefix(this.#count)}`;
  }

  /** Looks, begins a round when one is complete, and waits for what may change the matter; resolves with the round's members. */
  async #untilNamed(member: Member, signal: AbortSignal | undefined): Promise<readonly string[]> {
    const { live } = member;
    const path = this.#path === "" ? "/" : this.#path;
    for (;;) {
      const round = await live.idempotent((backend) => this.#latestRound(backend), signal);
      if (round?.members.includes(member.name)) return round.members;
      const children = await live.idempotent(
        (backend) => backend.children(path, { linearizable: true }),
        signal,
      );
      const finding = judge(member.name, this.#count, round, children);
      switch (finding.type) {
        case "gone":
          member.check();
          throw new ConclaveError("NOT_HELD", "its node was deleted from outside while it waited", {
            path: member.path,
          });
        case "disagreement":
          throw new ConclaveError(
            "INVALID_ARGUMENT",
            `doubleBarrier: count is ${this.#count} here, and ${finding.count} for one who came before and waits`,
            { path },
          );
        case "complete": {
          const { members } = finding;
          const begun = await this.#begin(member, round, members, signal);
          if (begun && members.includes(member.name)) return members;
          break;
        }
        case "wait":
          await this.#change(member, round, finding.inside, signal);
      }
    }
  }

  async #latestRound(backend: BackendSession): Promise<Round | undefined> {
    const node = await backend.get(this.#ready, { linearizable: true });
    return node && decodeRound(node);
  }

  /**
   * Names the members of the next round; false when somebody else was faster. `ready` is never deleted, so that its version tells
   * one round from another, and this may be repeated: it takes effect once.
   */
  async #begin(
    { live }: Member,
    former: Round | undefined,
    members: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const node = { path: this.#ready, data: encodeRound(members) };
    const operation = former
      ? ({ type: "set", ...node, ifVersion: former.version } as const)
      : ({ type: "create", ...node, ephemeral: false, sequential: false, parents: false } as const);
    try {
      await live.idempotent((backend) => backend.commit([operation], undefined), signal);
      return true;
    } catch (error) {
      if (overtaken.some((code) => ConclaveError.is(error, code))) return false;
      throw error;
    }
  }

  /** Waits for the next round to begin or, when only they are waited for, for one who is still inside the former to go. */
  #change(
    member: Member,
    seen: Round | undefined,
    inside: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const begun = { path: this.#ready, isOver: (now?: bigint) => now !== seen?.modRevision };
    const left = inside && { path: `${this.#path}/${inside}`, isOver: (now?: bigint) => now === undefined };
    return nodeChange(member.live, left ? [begun, left] : [begun], (reject) => [
      onAbort(signal, () => reject(aborted(signal))),
      onAbort(member.signal, () => reject(member.signal.reason)),
    ]);
  }
}
