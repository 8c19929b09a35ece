import { Hold } from "../shared/hold.js";

/** A permit of a semaphore that is held. Permits come from `semaphore.acquire`, `semaphore.tryAcquire` and `semaphore.withPermit`. */
export class Permit extends Hold {
  /**
   * Gives the permit back, so that the first who waits has it at once. Idempotent, harmless when it is over (LEAD-7).
   * Errors: whatever the store refuses the removal with, which is then tried again for as long as the session lives.
   */
  release(): Promise<void> {
    return this.giveUp();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
