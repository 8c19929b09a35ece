import { Hold } from "../shared/hold.js";

/** A lock that is held. Holds come from `lock.acquire`, `lock.tryAcquire` and `lock.withLock`. */
export class LockHold extends Hold {
  /**
   * Releases the lock, so that the next in line has it at once. Idempotent, harmless when it is over (LEAD-7).
   * Errors: whatever the store refuses the removal with, which is then tried again for as long as the session lives.
   */
  release(): Promise<void> {
    return this.giveUp();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
