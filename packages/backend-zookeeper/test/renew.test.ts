import { expect, test } from "vitest";
import type { Connection } from "../src/driver.js";
import { Renewals } from "../src/renew.js";
import { ManualClock, settled } from "./manual-clock.js";

/* In a time of its own: what a renewal without an answer says of the connection. */

const timeoutMs = 1_000;

/** A renewal that is never answered; requests that wait for their reply at half time, and at the end. */
async function unanswered(waiting: readonly [number, number], replacedMeanwhile = false): Promise<boolean> {
  const clock = new ManualClock();
  const connection = { pendingRequests: waiting[0], sync: () => new Promise(() => {}) };
  let replaced = false;
  const link = {
    current: connection as unknown as Connection,
    connectingSinceMs: 0,
    connected: () => Promise.resolve(link.current),
    replaceConnection: () => {
      replaced = true;
    },
  };
  const renewals = new Renewals({ link, clock, path: "/", sessionTimeoutMs: 4_000, isEnsemble: true });
  const renewal = renewals.renew(timeoutMs);
  renewal.catch(() => {});
  await clock.to(timeoutMs / 2);
  connection.pendingRequests = waiting[1];
  if (replacedMeanwhile) link.current = { ...connection } as unknown as Connection;
  await clock.to(timeoutMs);
  await expect(renewal).rejects.toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
  renewals.stop();
  await settled();
  expect(clock.pending).toBe(0);
  return replaced;
}

test("SES-7 a connection that answers nothing is replaced", async () => {
  expect(await unanswered([5, 5])).toBe(true);
  expect(await unanswered([5, 9])).toBe(true);
});

test("SES-7 a connection that is still answering what was asked before is kept", async () => {
  expect(await unanswered([5, 4])).toBe(false);
});

test("SES-7 what another connection answered says nothing of this one", async () => {
  expect(await unanswered([5, 4], true)).toBe(true);
});
