import { holdBack } from "./hold-back.js";
import type { LiveSession } from "./live-session.js";

/**
 * Calls `leave`, which takes something of this session out of the store and may be repeated. Never rejects: when it fails, it is
 * tried again behind the caller's back until the session is over, since what stays behind would hold up others (LEAD-6, OUT-4).
 */
export async function quit(live: LiveSession, leave: () => Promise<void>): Promise<void> {
  await leave().catch(() => void keepLeaving(live, leave));
}

async function keepLeaving(live: LiveSession, leave: () => Promise<void>): Promise<void> {
  for (;;) {
    await holdBack(live);
    if (live.signal.aborted) return;
    try {
      return await leave();
    } catch {
      // Tried again.
    }
  }
}
