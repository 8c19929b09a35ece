import { ConclaveError } from "../errors.js";
import { checkOptions, toBytes } from "../internal/check.js";
import type { Keeper } from "../internal/keeper.js";
import { type Place, takeTurn, tryTurn } from "../internal/place.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../internal/wait.js";
import type { CallOptions, Data } from "../node-writer.js";
import { LockHold } from "./lock-hold.js";

export interface TryAcquireOptions extends CallOptions {
  /** What `contenders` shows of this process, such as its address. Default empty. */
  readonly data?: Data | undefined;
}

export interface AcquireOptions extends WaitOptions, TryAcquireOptions {}

/** One who holds a lock or waits for it. */
export interface Contender {
  readonly data: Uint8Array;
  /** The fencing token of the hold that this is, or may become. */
  readonly token: bigint;
  readonly sessionId: string;
  readonly path: string;
}

/**
 * A lock: contenders stand in line and the first one holds. Not reentrant: each acquisition is a place of its own. After the lock
 * recipe of ZooKeeper's documentation, in the layout of the store's other clients (INTEROP-1).
 */
export class Lock {
  readonly #keeper: Keeper;
  readonly #path: string;

  /** Locks come from `coordinator.lock(path)`. */
  constructor(keeper: Keeper, path: string) {
    this.#keeper = keeper;
    this.#path = path;
  }

  /**
   * Stands in line in the current session and resolves once the lock is held (LEAD-1, LEAD-2, LEAD-5).
   *
   * Given up by `signal`, `timeoutMs` or an error, the place in the line is removed as soon as there is contact (LEAD-6).
   * Errors: `SESSION_LOST` (promptly; the place then never becomes a hold, LEAD-8), `NOT_HELD` (its node was deleted, from
   * outside or by a store that ended the session), `ABORTED`, `TIMEOUT`, `CLOSED`, `DATA_TOO_LARGE`.
   */
  async acquire(options: AcquireOptions = {}): Promise<LockHold> {
    return new LockHold(await this.#take(options));
  }

  /**
   * Acquires the lock if nobody holds it or waits for it; otherwise resolves with `undefined` and leaves nothing behind. While
   * it finds out it stands in the line. Waits for a session when there is none. Errors: as `acquire`, without `TIMEOUT`.
   */
  async tryAcquire(options: TryAcquireOptions = {}): Promise<LockHold | undefined> {
    checkOptions("tryAcquire", options, ["data", "signal"]);
    const entry = this.#entry(options.data);
    const { signal } = options;
    const place = await tryTurn(await this.#keeper.live(signal), this.#path, entry, signal);
    return place && new LockHold(place);
  }

  /**
   * Runs `work` while holding the lock, releases it when `work` has settled, and settles as `work` did.
   *
   * When the lock is lost meanwhile, `hold.signal` aborts; `work` is not run again. Errors: as `acquire`; what `work` throws.
   */
  async withLock<T>(work: (hold: LockHold) => Promise<T> | T, options: AcquireOptions = {}): Promise<T> {
    if (typeof work !== "function") {
      throw new ConclaveError(
        "INVALID_ARGUMENT",
        `withLock: the first argument is a function, not ${typeof work}`,
      );
    }
    const place = await this.#take(options);
    try {
      return await work(new LockHold(place));
    } finally {
      await place.quit();
    }
  }

  /** Who holds the lock, and after it who waits, in order; read linearizably. */
  async contenders(options: CallOptions = {}): Promise<readonly Contender[]> {
    checkOptions("contenders", options, ["signal"]);
    const live = await this.#keeper.live(options.signal);
    const everybody = Number.MAX_SAFE_INTEGER;
    const entries = await live.idempotent(
      (backend) => backend.entries(this.#path, everybody),
      options.signal,
    );
    return entries.map(({ data, createRevision, ephemeralOwner = "", path }) => ({
      data,
      token: createRevision,
      sessionId: ephemeralOwner,
      path,
    }));
  }

  async #take(options: AcquireOptions): Promise<Place> {
    checkWaitOptions("acquire", options, ["data"]);
    const entry = this.#entry(options.data);
    return waiting(this.#keeper.clock, "acquire", options, async (signal) =>
      takeTurn(await this.#keeper.live(signal), this.#path, entry, signal),
    );
  }

  #entry(data: Data = "") {
    return { label: "lock", data: toBytes(data, this.#path) } as const;
  }
}
