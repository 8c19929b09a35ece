import { ConclaveError } from "../../errors.js";
import type { LiveSession } from "../../internal/live-session.js";
import type { Place } from "../../internal/place.js";
import { bury, Claim } from "./claim.js";
import type { QueueLayout } from "./layout.js";
import { Mark } from "./mark.js";

/** What became of an attempt to claim a task. */
export type Claiming =
  | { readonly result: "claimed"; readonly claim: Claim }
  /** Somebody else has it. */
  | { readonly result: "taken" }
  /** It was done meanwhile, or was moved to the dead letters just now. */
  | { readonly result: "gone" }
  /** Nobody waits for it any more. */
  | { readonly result: "unwanted" };

export interface ClaimOptions {
  /** As many attempts as a task has before it is moved to the dead letters. */
  readonly maxAttempts: number;
  /** Whether anybody still wants the task: asked before the attempt is counted. */
  isWanted(): boolean;
}

const taken: Claiming = { result: "taken" };

/** Claims a task and counts the attempt; a task that has had all of its attempts is moved to the dead letters instead. */
export async function claimTask(
  live: LiveSession,
  layout: QueueLayout,
  id: string,
  { maxAttempts, isWanted }: ClaimOptions,
): Promise<Claiming> {
  const mark = new Mark(live, layout, id);
  if (!(await mark.make())) return taken;
  // Reads after the session's own write see everything before it (READ-1): a task that was done before the mark was made is gone.
  const reading = live.idempotent((backend) => backend.get(layout.task(id), { linearizable: false }));
  reading.catch(() => {});
  const place = await mark.place();
  if (place === undefined) return taken;
  try {
    const task = await reading;
    if (task === undefined) return await leaving(place, "gone");
    if (!isWanted()) return await leaving(place, "unwanted");
    const claim = new Claim(layout, id, place, task);
    if (claim.record.attempts >= maxAttempts) {
      await bury(claim);
      return await leaving(place, "gone");
    }
    return (await claim.count()) ? { result: "claimed", claim } : await leaving(place, "gone");
  } catch (error) {
    void place.quit();
    if (ConclaveError.is(error, "NOT_HELD")) return taken;
    throw error;
  }
}

async function leaving(place: Place, result: "gone" | "unwanted"): Promise<Claiming> {
  await place.quit();
  return { result };
}
