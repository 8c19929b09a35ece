import type { LineNode } from "../backend/line.js";
import { ConclaveError } from "../errors.js";
import { checkOptions, toBytes } from "../internal/check.js";
import type { Keeper } from "../internal/keeper.js";
import type { Place } from "../internal/place.js";
import { type Candidate, takeTurn, tryTurn } from "../internal/turn.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../internal/wait.js";
import type { CallOptions, Data } from "../node-writer.js";

export interface TryAcquireOptions extends CallOptions {
  /** What `contenders` shows of this process, such as its address. Default empty. */
  readonly data?: Data | undefined;
}

export interface AcquireOptions extends WaitOptions, TryAcquireOptions {}

/** One who holds or waits. */
export interface Contender {
  readonly data: Uint8Array;
  /** The fencing token of the hold that this is, or may become. */
  readonly token: bigint;
  readonly sessionId: string;
  readonly path: string;
}

/** How one stands in the line, and what one has when the turn has come. */
export interface Kind<H> extends Pick<Candidate, "label" | "look" | "waitsFor" | "announces"> {
  readonly hold: (place: Place) => H;
}

/** What is acquired by standing in line under a node: a lock, one side of a read-write lock, a permit of a semaphore. */
export abstract class Acquirable<H> {
  readonly #keeper: Keeper;
  readonly #path: string;
  readonly #kind: Kind<H>;

  constructor(keeper: Keeper, path: string, kind: Kind<H>) {
    this.#keeper = keeper;
    this.#path = path;
    this.#kind = kind;
  }

  /**
   * Stands in line in the current session and resolves once it is this one's turn to hold (LEAD-1, LEAD-2, LEAD-5).
   *
   * Given up by `signal`, `timeoutMs` or an error, the place in the line is removed as soon as there is contact (LEAD-6).
   * Errors: `SESSION_LOST` (promptly; the place then never becomes a hold, LEAD-8), `NOT_HELD` (its node was deleted from
   * outside), `ABORTED`, `TIMEOUT`, `CLOSED`, `DATA_TOO_LARGE`.
   */
  async acquire(options: AcquireOptions = {}): Promise<H> {
    return this.#kind.hold(await this.#take(options));
  }

  /**
   * Acquires if that needs no waiting; otherwise resolves with `undefined` and leaves nothing behind. While it finds out it
   * stands in the line. Waits for a session when there is none. Errors: as `acquire`, without `TIMEOUT`.
   */
  async tryAcquire(options: TryAcquireOptions = {}): Promise<H | undefined> {
    checkOptions("tryAcquire", options, ["data", "signal"]);
    const candidate = this.#candidate(options.data);
    const { signal } = options;
    const place = await tryTurn(await this.#keeper.live(signal), candidate, signal);
    return place && this.#kind.hold(place);
  }

  /** Who stands in the line, in order: those who hold, then those who wait; read linearizably. */
  async contenders(options: CallOptions = {}): Promise<readonly Contender[]> {
    checkOptions("contenders", options, ["signal"]);
    return (await readLine(this.#keeper, this.#path, options.signal)).map(contenderOf);
  }

  /** Runs `work` with the hold and releases that when `work` has settled. */
  protected async within<T>(
    method: string,
    work: (hold: H) => Promise<T> | T,
    options: AcquireOptions,
  ): Promise<T> {
    if (typeof work !== "function") {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `${method}: the first argument is a function, not ${typeof work}`,
      );
    }
    const place = await this.#take(options);
    try {
      return await work(this.#kind.hold(place));
    } finally {
      await place.quit();
    }
  }

  async #take(options: AcquireOptions): Promise<Place> {
    checkWaitOptions("acquire", options, ["data"]);
    const candidate = this.#candidate(options.data);
    return waiting(this.#keeper.clock, "acquire", options, async (signal) =>
      takeTurn(await this.#keeper.live(signal), candidate, signal),
    );
  }

  #candidate(data: Data = ""): Candidate {
    return { ...this.#kind, line: this.#path, data: toBytes(data, this.#path) };
  }
}

/** All entries of a line, first to last. */
export async function readLine(
  keeper: Keeper,
  line: string,
  signal: AbortSignal | undefined,
): Promise<readonly LineNode[]> {
  const live = await keeper.live(signal);
  return live.idempotent((backend) => backend.entries(line, Number.MAX_SAFE_INTEGER), signal);
}

export function contenderOf({ data, createRevision, ephemeralOwner = "", path }: LineNode): Contender {
  return { data, token: createRevision, sessionId: ephemeralOwner, path };
}
