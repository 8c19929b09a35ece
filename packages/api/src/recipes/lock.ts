import type { Keeper } from "../internal/keeper.js";
import { alone } from "../internal/turn.js";
import { Acquirable, type AcquireOptions, type Kind } from "./acquirable.js";
import { LockHold } from "./lock-hold.js";

const exclusive: Kind<LockHold> = { ...alone, label: "lock", hold: (place) => new LockHold(place) };

/**
 * A lock: contenders stand in line and the first one holds. Not reentrant: each acquisition is a place of its own. After the lock
 * recipe of ZooKeeper's documentation, in the layout of the store's other clients (INTEROP-1).
 */
export class Lock extends Acquirable<LockHold> {
  /** Locks come from `coordinator.lock(path)` and `coordinator.readWriteLock(path)`. */
  constructor(keeper: Keeper, path: string, kind: Kind<LockHold> = exclusive) {
    super(keeper, path, kind);
  }

  /**
   * Runs `work` while holding the lock, releases it when `work` has settled, and settles as `work` did.
   *
   * When the lock is lost meanwhile, `hold.signal` aborts; `work` is not run again. Errors: as `acquire`; what `work` throws.
   */
  withLock<T>(work: (hold: LockHold) => Promise<T> | T, options: AcquireOptions = {}): Promise<T> {
    return this.within("withLock", work, options);
  }
}
