import { ConclaveError } from "@conclave/api";
import type { BackendSession } from "@conclave/api/backend";
import { describe, expect, test } from "vitest";
import { memoryStore, stateOf } from "./support.js";

describe("lines", () => {
  test("LEAD-7: a release that the store refuses is tried again, so that nobody waits for a lock that nobody holds", async () => {
    const { clock, now, join } = memoryStore();
    let refusals = 0;
    const failing = await join((session: BackendSession) => {
      const leave = session.leave.bind(session);
      session.leave = async (ticket) => {
        if (refusals === 2) return leave(ticket);
        refusals += 1;
        throw new ConclaveError("STORE_ERROR", "too many requests");
      };
    });
    const other = await join();
    const hold = await now(failing.coordinator.lock("/l").acquire());
    const next = stateOf(other.coordinator.lock("/l").acquire());
    await expect(now(hold.release())).rejects.toMatchObject({ code: "STORE_ERROR" });
    expect(hold.isHeld).toBe(false);
    await clock.advance(1_000);
    expect(next.now).toBe("resolved");
    expect(refusals).toBe(2);
  });

  test("LEAD-10: a leadership that is lost as soon as it is had makes no busy loop", async () => {
    const { clock, cluster, join } = memoryStore();
    const { coordinator, faults } = await join((session: BackendSession) => {
      session.watchNode = (_, sink) => {
        queueMicrotask(() => sink.failed(new ConclaveError("ACCESS_DENIED", "may not read")));
        return () => {};
      };
    });
    const stop = new AbortController();
    const leading = stateOf(coordinator.election("/e").lead(() => {}, { signal: stop.signal }));
    faults.delay(1);
    cluster.requests.reset();
    await clock.advance(3_000);
    // It holds back for 60 ms; without, it would stand each 4 ms.
    expect(cluster.requests.of("enqueue")).toBeGreaterThan(20);
    expect(cluster.requests.of("enqueue")).toBeLessThan(100);
    stop.abort();
    await clock.advance(100);
    expect(leading.now).toBe("ABORTED");
  });
});
