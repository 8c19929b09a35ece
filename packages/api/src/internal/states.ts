import { Latest } from "./latest.js";
import type { SessionState } from "./lease.js";
import type { LiveSession } from "./live-session.js";

/** The states of a session, in order, from the present one to its end. */
export function states(live: LiveSession, signal: AbortSignal | undefined): AsyncIterator<SessionState> {
  const unread: SessionState[] = [];
  let over = false;
  const latest: Latest<SessionState> = new Latest(
    { signal, beforeRead: () => void live.state },
    (reading) => {
      const offer = () => {
        if (unread.length > 0) reading.push(take);
        else if (over) reading.end();
      };
      const take = () => {
        const state = unread.shift() as SessionState;
        queueMicrotask(offer);
        return state;
      };
      const add = (state: SessionState) => {
        // suspended, connected, suspended reads as one suspended: a reader that never comes costs a few states at most.
        if (unread.length > 1 && unread.at(-2) === state) unread.pop();
        else unread.push(state);
        over = state === "lost" || state === "closed";
        offer();
      };
      // Read before listening: past the deadline the reading itself is the change to lost.
      const now = live.state;
      const stop = live.onState(add);
      add(now);
      return stop;
    },
  );
  return latest;
}
