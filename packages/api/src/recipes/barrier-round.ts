import { aborted } from "../internal/calls.js";
import { firstOf } from "../internal/first-of.js";
import type { Member } from "../internal/member.js";
import { nodeChange } from "../internal/node-change.js";
import { onAbort } from "../internal/on-abort.js";
import { stillInside } from "../internal/round.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../internal/wait.js";

/** One's part in a round of a double barrier, from when it began. Rounds come from `doubleBarrier.enter`. */
export class BarrierRound {
  readonly #member: Member;
  readonly #path: string;
  readonly #members: readonly string[];

  constructor(member: Member, path: string, members: readonly string[]) {
    this.#member = member;
    this.#path = path;
    this.#members = members;
  }

  /** This member's node. */
  get path(): string {
    return this.#member.path;
  }

  /** Aborts when the others no longer wait for this member: it left, its session ended, or its node was deleted. The reason says which. */
  get signal(): AbortSignal {
    // The state is read first: past the deadline that aborts the signal (SES-3).
    void this.#member.live.state;
    return this.#member.signal;
  }

  /**
   * Leaves, and resolves when every member of the round has left or died (BAR-5). Called again it waits again.
   *
   * Given up by `signal` or `timeoutMs`, this member has left nevertheless, or does as soon as there is contact; it only does not
   * wait for the others. With a signal that has aborted before, nothing is done.
   * Errors: `SESSION_LOST` (this member has left with its session), `ABORTED`, `TIMEOUT` (both with outcome `"unknown"` while its own
   * leaving is under way), `CLOSED`; `ACCESS_DENIED` and whatever else the store refuses, while the removal is tried again.
   */
  async leave(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions("leave", options);
    const { live } = this.#member;
    await waiting(live.clock, "leave", options, async (signal) => {
      live.check();
      if (signal?.aborted) throw aborted(signal);
      await this.#remove(signal);
      await this.#othersLeave(signal);
    });
  }

  /** Leaves and waits for the others, as `leave`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  async #remove(signal: AbortSignal | undefined): Promise<void> {
    const { live } = this.#member;
    const removing = this.#member.remove();
    removing.catch(() => void this.#member.quit());
    await firstOf<void>((resolve, reject) => {
      removing.then(resolve, reject);
      return [
        onAbort(signal, () => reject(aborted(signal, "unknown"))),
        onAbort(live.signal, () => reject(live.signal.reason)),
      ];
    });
  }

  /** Watches one of those who stay, of whom all watch the same: so that not every departure wakes everybody. */
  async #othersLeave(signal: AbortSignal | undefined): Promise<void> {
    const { live } = this.#member;
    for (;;) {
      const children = await live.idempotent(
        (backend) => backend.children(this.#path === "" ? "/" : this.#path, { linearizable: true }),
        signal,
      );
      const inside = stillInside(this.#members, children);
      if (inside === undefined) return;
      const left = { path: `${this.#path}/${inside}`, isOver: (now?: bigint) => now === undefined };
      await nodeChange(live, [left], (reject) => [onAbort(signal, () => reject(aborted(signal)))]);
    }
  }
}
