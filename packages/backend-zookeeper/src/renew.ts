import { type Clock, ConclaveError } from "@conclave/api/backend";
import { isContactLost, toConclaveError } from "./errors.js";
import type { Link } from "./link.js";

export interface RenewOptions {
  readonly link: Link;
  readonly clock: Clock;
  readonly path: string;
  readonly timeoutMs: number;
}

/**
 * Lets the server hear from the session, by a read. The client's own pings do so too, but don't tell when the one was
 * sent that was answered.
 */
export async function renew({ link, clock, path, timeoutMs }: RenewOptions): Promise<number> {
  const abort = new AbortController();
  let late = false;
  const cancel = clock.schedule(timeoutMs, () => {
    late = true;
    const cause = new ConclaveError("CONNECTION_LOST", `no answer from ZooKeeper within ${timeoutMs} ms`, {
      outcome: "unknown",
    });
    abort.abort(cause);
    link.replaceConnection(cause);
  });
  try {
    for (;;) {
      const connection = await link.connected(abort.signal);
      const sentAtMs = clock.now();
      try {
        await connection.exists(path, { watch: false });
        if (late) throw abort.signal.reason;
        return sentAtMs;
      } catch (error) {
        if (late || !isContactLost(error)) throw late ? abort.signal.reason : error;
        await connectionGone();
      }
    }
  } catch (error) {
    throw toConclaveError(error, "/");
  } finally {
    cancel();
  }
}

/** A request may fail a moment before the link hears that its connection is over. */
function connectionGone(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
