import type { Node } from "../../backend/operations.js";
import { ConclaveError, type ErrorCode } from "../../errors.js";
import { aborted } from "../../internal/calls.js";
import { checkOptions, toBytes } from "../../internal/check.js";
import { generated } from "../../internal/generated.js";
import type { Keeper } from "../../internal/keeper.js";
import type { LiveSession } from "../../internal/live-session.js";
import { onAbort } from "../../internal/on-abort.js";
import { pause } from "../../internal/pause.js";
import type { Place } from "../../internal/place.js";
import { alone, takeTurn } from "../../internal/turn.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../../internal/wait.js";
import type { CallOptions, Data } from "../../node-writer.js";
import { Session } from "../../session.js";
import { Leadership } from "./leadership.js";

export interface CampaignOptions extends WaitOptions {
  /** What observers see of this candidate once it leads, such as its address. Default empty. */
  readonly data?: Data | undefined;
}

export interface LeadOptions extends CallOptions {
  /** As in `campaign`. */
  readonly data?: Data | undefined;
}

/** Who leads, as observers see it. */
export interface Leader {
  readonly data: Uint8Array;
  /** The leader's fencing token. */
  readonly token: bigint;
  readonly sessionId: string;
  readonly path: string;
}

/** How long to hold back after a campaign that failed or a term that was lost, as a share of the session timeout, so that a standing obstacle makes no busy loop. */
const holdBackShare = 1 / 50;

/** What ends a candidacy and not the wish to lead. `CLOSED` is the session here: a closed coordinator is noticed before. */
const passingCodes: readonly ErrorCode[] = ["SESSION_LOST", "CONNECTION_LOST", "NOT_HELD", "CLOSED"];

/**
 * Leader election: candidates stand in line and the first one leads. The order is that of arrival and one resignation wakes one
 * candidate (LEAD-5). After the queue recipe of ZooKeeper's documentation, in the layout of the store's other clients (INTEROP-1).
 */
export class Election {
  readonly #keeper: Keeper;
  readonly #path: string;

  /** Elections come from `coordinator.election(path)`. */
  constructor(keeper: Keeper, path: string) {
    this.#keeper = keeper;
    this.#path = path;
  }

  /**
   * Stands as a candidate in the current session and resolves once this process leads (LEAD-1, LEAD-2).
   *
   * Given up by `signal`, `timeoutMs` or an error, the candidate's node is removed as soon as there is contact (LEAD-6).
   * Errors: `SESSION_LOST` (promptly; the candidate is then never elected later, LEAD-8), `NOT_HELD` (its node was deleted from
   * outside), `ABORTED`, `TIMEOUT`, `CLOSED`, `DATA_TOO_LARGE`.
   */
  async campaign(options: CampaignOptions = {}): Promise<Leadership> {
    checkWaitOptions("campaign", options, ["data"]);
    const data = this.#bytes(options.data);
    const place = await waiting(this.#keeper.clock, "campaign", options, (signal) =>
      this.#stand(data, signal),
    );
    return new Leadership(place);
  }

  /**
   * Runs `work` each time this process leads, and stands again after each loss, in the next session if need be (LEAD-10).
   *
   * When `work` settles while it still leads, the leadership is given up and `lead` settles as `work` did. When the leadership
   * is lost, `leadership.signal` aborts; once `work` has settled, `lead` stands again, behind the others. When `signal` aborts,
   * so does `leadership.signal`; the leadership is given up after `work` has settled, and `lead` rejects with `ABORTED`.
   * Errors: what `work` throws, `ABORTED`, `CLOSED`; `ACCESS_DENIED`, `EPHEMERAL_PARENT`, `STORE_ERROR` and whatever else the
   * store refuses the candidate with.
   */
  async lead<T>(work: (leadership: Leadership) => Promise<T> | T, options: LeadOptions = {}): Promise<T> {
    checkOptions("lead", options, ["data", "signal"]);
    if (typeof work !== "function") {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `lead: the first argument is a function, not ${typeof work}`,
      );
    }
    const { signal } = options;
    const data = this.#bytes(options.data);
    for (;;) {
      const place = await this.#standUntilFirst(data, signal);
      const cancel = onAbort(signal, () => place.revoke(aborted(signal)));
      try {
        // It may be over already: work would wait for an abort that has been.
        place.check();
        const result = await work(new Leadership(place));
        if (place.isHeld) return result;
      } catch (error) {
        if (place.isHeld || !isConsequence(error, place)) throw error;
      } finally {
        cancel();
        await place.quit();
      }
      await this.#holdBack(signal);
    }
  }

  /** Who leads now, read linearizably; `undefined` when nobody does. */
  async leader(options: CallOptions = {}): Promise<Leader | undefined> {
    checkOptions("leader", options, ["signal"]);
    const live = await this.#keeper.live(options.signal);
    const [first] = await live.idempotent((backend) => backend.entries(this.#path, 1), options.signal);
    return first && leaderOf(first);
  }

  /**
   * Yields who leads now, then each later leader or change of its data; `undefined` while nobody does (LEAD-9). Goes on across
   * sessions. A slow reader may miss leaders in between. Ends by `return` or `signal`; throws `CLOSED`.
   */
  observe(options: CallOptions = {}): AsyncIterable<Leader | undefined> {
    checkOptions("observe", options, ["signal"]);
    return generated(options.signal, (signal) => this.#observe(signal));
  }

  #bytes(data: Data = ""): Uint8Array {
    return toBytes(data, this.#path);
  }

  async #stand(data: Uint8Array, signal: AbortSignal | undefined): Promise<Place> {
    const live = await this.#keeper.live(signal);
    return takeTurn(live, { ...alone, line: this.#path, label: "latch", data }, signal);
  }

  async #standUntilFirst(data: Uint8Array, signal: AbortSignal | undefined): Promise<Place> {
    for (;;) {
      try {
        return await this.#stand(data, signal);
      } catch (error) {
        if (!this.#isPassing(error)) throw error;
        await this.#holdBack(signal);
      }
    }
  }

  #holdBack(signal: AbortSignal | undefined): Promise<void> {
    const timeoutMs = this.#keeper.current?.timeoutMs ?? 1_000;
    return pause(this.#keeper.clock, timeoutMs * holdBackShare, signal, this.#keeper.signal);
  }

  /** Whether standing again may go better. */
  #isPassing(error: unknown): boolean {
    this.#keeper.check();
    return passingCodes.some((code) => ConclaveError.is(error, code));
  }

  async *#observe(signal: AbortSignal): AsyncGenerator<Leader | undefined, void, void> {
    let last: Leader | undefined | "none yet" = "none yet";
    for (;;) {
      const live = await this.#keeper.live(signal);
      try {
        for await (const leader of this.#leadersIn(live, signal)) {
          if (last !== "none yet" && isSame(leader, last)) continue;
          last = leader;
          yield leader;
        }
      } catch (error) {
        if (!live.signal.aborted || signal.aborted) throw error;
      }
    }
  }

  async *#leadersIn(live: LiveSession, signal: AbortSignal): AsyncGenerator<Leader | undefined, void, void> {
    const session = new Session(live);
    const readFirst = async () => {
      const [first] = await live.idempotent((backend) => backend.entries(this.#path, 1), signal);
      return first;
    };
    for (;;) {
      let first = await readFirst();
      if (first === undefined) {
        yield undefined;
        for await (const _ of session.watchChildren(this.#path, { signal })) {
          first = await readFirst();
          if (first !== undefined) break;
        }
        if (first === undefined) return;
      }
      for await (const node of session.watch(first.path, { signal })) {
        if (node?.createRevision !== first.createRevision) break;
        yield leaderOf(node);
      }
      if (signal.aborted) return;
    }
  }
}

function leaderOf(node: Node): Leader {
  return {
    data: node.data,
    token: node.createRevision,
    sessionId: node.ephemeralOwner ?? "",
    path: node.path,
  };
}

function isSame(a: Leader | undefined, b: Leader | undefined): boolean {
  return (
    a === b ||
    (a !== undefined && b !== undefined && a.token === b.token && Buffer.compare(a.data, b.data) === 0)
  );
}

/** Whether work failed only because its leadership ended under it. */
function isConsequence(error: unknown, place: Place): boolean {
  return (
    error === place.signal.reason ||
    ConclaveError.is(error) ||
    (error instanceof Error && error.name === "AbortError")
  );
}
