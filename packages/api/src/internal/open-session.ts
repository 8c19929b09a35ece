import type { Backend } from "../backend/backend.js";
import { LiveSession } from "./live-session.js";

export interface SessionConfig {
  readonly namespace: string;
  readonly sessionTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** Opens one session and starts to keep its time. Facts that the backend reports before that are not lost. */
export async function openSession(
  backend: Backend,
  config: SessionConfig,
  signal: AbortSignal,
): Promise<LiveSession> {
  let live: LiveSession | undefined;
  const early: ((live: LiveSession) => void)[] = [];
  const tell = (fact: (live: LiveSession) => void) => {
    if (live) fact(live);
    else early.push(fact);
  };
  const session = await backend.open({
    ...config,
    signal,
    observer: {
      disconnected: (cause) => tell((to) => to.disconnected(cause)),
      ended: (cause) => tell((to) => to.endedByStore(cause)),
    },
  });
  live = new LiveSession(session, backend.clock, backend.capabilities);
  for (const fact of early) fact(live);
  return live;
}
