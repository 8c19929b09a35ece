import type { Clock } from "@conclave/api/backend";
import type { Contact } from "./contact.js";
import { notSent, replyLost } from "./errors.js";

/** One renewal: waits for contact, then for the acknowledgement, for `timeoutMs` in all. */
export function renew(
  contact: Contact,
  clock: Clock,
  timeoutMs: number,
  send: () => Promise<void>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let sentAtMs: number | undefined;
    let tooLate = false;
    const cancelTimer = clock.schedule(timeoutMs, () => {
      tooLate = true;
      const cause = `the renewal was not answered within ${timeoutMs} ms`;
      reject(sentAtMs === undefined ? notSent(cause) : replyLost(cause));
      contact.giveUp(cause);
    });
    const attempt = async () => {
      await contact.connected();
      if (tooLate) return;
      sentAtMs = clock.now();
      await send();
      cancelTimer();
      resolve(sentAtMs);
    };
    attempt().catch((error: unknown) => {
      cancelTimer();
      reject(error);
    });
  });
}
