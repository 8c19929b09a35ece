import type { LiveSession } from "./live-session.js";
import { pause } from "./pause.js";

const shareOfTimeout = 1 / 50;

/** Waits before something that failed is tried again, so that a standing obstacle makes no busy loop; not beyond a signal or the session. */
export function holdBack(live: LiveSession, ...signals: readonly AbortSignal[]): Promise<void> {
  return pause(live.clock, live.timeoutMs * shareOfTimeout, live.signal, ...signals);
}
