import { Hold } from "../shared/hold.js";

/** The hold of an elected leader. Leaderships come from `election.campaign` and `election.lead`. */
export class Leadership extends Hold {
  /**
   * Gives the leadership up, so that the next candidate leads at once. Idempotent, harmless when it is over (LEAD-7).
   * Errors: whatever the store refuses the removal with, which is then tried again for as long as the session lives.
   */
  resign(): Promise<void> {
    return this.giveUp();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.resign();
  }
}
