import type { Clock } from "@conclave/api/backend";
import { VirtualClock } from "@conclave/backend-memory";
import { beforeEach, describe, expect, test } from "vitest";
import { ConclaveError } from "../src/errors.js";
import { Lease, type SessionState } from "../src/internal/lease.js";

const timeoutMs = 3_000;
const marginMs = 150;

/** A clock whose timers run only by hand: that of a process which sleeps. */
function sleeper() {
  const late = { nowMs: 0, timers: [] as (() => void)[] };
  const clock: Clock = {
    now: () => late.nowMs,
    schedule: (_, run) => {
      late.timers.push(run);
      return () => {};
    },
  };
  return Object.assign(late, { clock });
}

describe("lease", () => {
  let clock: VirtualClock;
  let seen: SessionState[];
  let reasons: (ConclaveError | undefined)[];
  /** Answers the renewals under way; each takes the send time to acknowledge, or an error. */
  let renewals: { sentAtMs: number; resolve(sentAtMs: number): void; reject(error: unknown): void }[];
  let lease: Lease;

  beforeEach(() => {
    clock = new VirtualClock();
    seen = [];
    reasons = [];
    renewals = [];
    lease = new Lease({
      clock,
      timeoutMs,
      openedAtMs: 0,
      renew: () =>
        new Promise((resolve, reject) => renewals.push({ sentAtMs: clock.now(), resolve, reject })),
      changed: (state, reason) => {
        seen.push(state);
        if (reason) reasons.push(reason);
      },
    });
  });

  const acknowledge = async () => {
    const renewal = renewals.shift();
    renewal?.resolve(renewal.sentAtMs);
    await clock.advance(0);
  };

  test("renews a third of the timeout after the last acknowledged send", async () => {
    await clock.advance(999);
    expect(renewals).toHaveLength(0);
    await clock.advance(1);
    expect(renewals).toHaveLength(1);
    await clock.advance(400);
    await acknowledge();
    await clock.advance(599);
    expect(renewals).toHaveLength(0);
    await clock.advance(1);
    expect(renewals.map(({ sentAtMs }) => sentAtMs)).toEqual([2_000]);
  });

  test("the deadline counts from the send of the acknowledged renewal, not from its reply", async () => {
    await clock.advance(1_000);
    await clock.advance(900);
    await acknowledge();
    await clock.advance(1_000 + timeoutMs - marginMs - 1_900 - 1);
    expect(lease.state).not.toBe("lost");
    await clock.advance(1);
    expect(lease.state).toBe("lost");
    expect(seen.at(-1)).toBe("lost");
    expect(reasons.map((reason) => reason?.code)).toEqual(["SESSION_LOST"]);
  });

  test("without any answer it is lost at the deadline of its opening", async () => {
    await clock.advance(timeoutMs - marginMs - 1);
    expect(lease.state).toBe("connected");
    await clock.advance(1);
    expect(lease.state).toBe("lost");
  });

  test("the deadline is compared at use, whether or not a timer has run", () => {
    const frozen = { nowMs: 0 };
    const states: SessionState[] = [];
    const late = new Lease({
      clock: { now: () => frozen.nowMs, schedule: () => () => {} },
      timeoutMs,
      openedAtMs: 0,
      renew: async () => 0,
      changed: (state) => states.push(state),
    });
    frozen.nowMs = timeoutMs - marginMs;
    expect(late.state).toBe("lost");
    expect(states).toEqual(["lost"]);
  });

  test("a renewal acknowledged after the deadline revives nothing", async () => {
    await clock.advance(1_000);
    await clock.advance(timeoutMs);
    expect(seen).toEqual(["lost"]);
    await acknowledge();
    expect(lease.state).toBe("lost");
    expect(seen).toEqual(["lost"]);
  });

  test("nor does one that comes after the deadline and before its timer", async () => {
    const late = sleeper();
    const states: SessionState[] = [];
    const lease = new Lease({
      clock: late.clock,
      timeoutMs,
      openedAtMs: 0,
      // Sent in time; by when the reply is looked at, the process has slept past the deadline.
      renew: async () => {
        late.nowMs = timeoutMs;
        return 1_000;
      },
      changed: (state) => states.push(state),
    });
    late.nowMs = 1_000;
    late.timers[0]?.();
    await clock.advance(0);
    expect(states).toEqual(["lost"]);
    expect(lease.state).toBe("lost");
  });

  test("lost contact suspends and renews at once; an acknowledgement brings it back", async () => {
    await clock.advance(100);
    lease.disconnected(new Error("cable"));
    expect(lease.state).toBe("suspended");
    await clock.advance(0);
    await acknowledge();
    expect(seen).toEqual(["suspended", "connected"]);
  });

  test("SES-4: past the deadline no renewal is sent, though its timer runs before that of the deadline", () => {
    const late = sleeper();
    let sent = 0;
    const asleep = new Lease({
      clock: late.clock,
      timeoutMs,
      openedAtMs: 0,
      renew: async () => {
        sent += 1;
        return late.nowMs;
      },
      changed: (state) => seen.push(state),
    });
    late.nowMs = timeoutMs - marginMs;
    for (const run of late.timers) run();
    expect(sent).toBe(0);
    expect(asleep.state).toBe("lost");
    expect(seen).toEqual(["lost"]);
  });

  test("SES-9: an answer to a renewal sent before contact broke does not end the doubt; the next one does", async () => {
    await clock.advance(1_000);
    await clock.advance(5);
    lease.disconnected(new Error("cable"));
    await acknowledge();
    expect(lease.state).toBe("suspended");
    expect(renewals.map(({ sentAtMs }) => sentAtMs)).toEqual([1_005]);
    await acknowledge();
    expect(seen).toEqual(["suspended", "connected"]);
  });

  test("a renewal that fails suspends and is tried again", async () => {
    await clock.advance(1_000);
    renewals.shift()?.reject(new ConclaveError("CONNECTION_LOST", "no answer"));
    await clock.advance(100);
    expect(lease.state).toBe("suspended");
    expect(renewals).toHaveLength(1);
    await acknowledge();
    expect(seen).toEqual(["suspended", "connected"]);
  });

  test("the store's word that it is over counts at once, with its cause", () => {
    const cause = new Error("expired by hand");
    lease.ended(cause);
    expect(seen).toEqual(["lost"]);
    expect(reasons[0]?.cause).toBe(cause);
  });

  test("after close nothing is renewed and nothing changes", async () => {
    lease.close();
    lease.ended(new Error("late"));
    lease.disconnected(new Error("late"));
    await clock.advance(10 * timeoutMs);
    expect(seen).toEqual(["closed"]);
    expect(renewals).toHaveLength(0);
    expect(clock.pending).toBe(0);
  });
});
