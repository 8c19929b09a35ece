import type { SessionObserver } from "@conclave/api/backend";

/** What was reported about a session. */
export interface Facts extends SessionObserver {
  readonly disconnections: unknown[];
  readonly ends: unknown[];
}

export function facts(): Facts {
  const disconnections: unknown[] = [];
  const ends: unknown[] = [];
  return {
    disconnections,
    ends,
    disconnected: (cause) => void disconnections.push(cause),
    ended: (cause) => void ends.push(cause),
  };
}
