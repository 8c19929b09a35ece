import { describe, expect, test } from "vitest";
import { memoryStore, refusing } from "./support.js";

describe("lock", () => {
  test("OUT-4: tryAcquire rejects at once when its signal aborts while the store does not answer", async () => {
    const { clock, join } = memoryStore();
    const [{ coordinator: waiter, faults }, { coordinator: holder }] = [await join(), await join()];
    const held = holder.lock("/l").acquire();
    await clock.advance(0);
    await held;
    faults.delay(10);
    const stop = new AbortController();
    const trying = waiter.lock("/l").tryAcquire({ signal: stop.signal });
    // The entry stands by now, behind the holder's, and is to be removed.
    await clock.advance(20);
    faults.blackHole();
    stop.abort();
    let outcome: unknown = "pending";
    trying.catch((error) => {
      outcome = error.code;
    });
    await clock.advance(0);
    expect(outcome).toBe("ABORTED");
  });

  test("LEAD-6: withLock settles as work did though the store fails to remove the entry at first", async () => {
    const { clock, join } = memoryStore();
    const failing = refusing("leave", 1);
    const [{ coordinator }, { coordinator: other }] = [await join(failing.prepare), await join()];
    const working = coordinator.lock("/l").withLock(() => {
      throw new Error("from work");
    });
    working.catch(() => {});
    await clock.advance(0);
    await expect(working).rejects.toThrow("from work");
    const next = other.lock("/l").acquire({ timeoutMs: 1_000 });
    next.catch(() => {});
    await clock.advance(1_000);
    expect((await next).isHeld).toBe(true);
    expect(failing.refusals()).toBe(1);
  });

  test("LEAD-6: a wait given up leaves the line though the store fails to remove its entry at first", async () => {
    const { clock, join } = memoryStore();
    const failing = refusing("leave", 1);
    const [{ coordinator: waiter }, { coordinator: other }] = [await join(failing.prepare), await join()];
    const acquiring = other.lock("/l").acquire();
    await clock.advance(0);
    const hold = await acquiring;
    const waiting = waiter.lock("/l").acquire({ timeoutMs: 100 });
    waiting.catch(() => {});
    await clock.advance(200);
    await expect(waiting).rejects.toMatchObject({ code: "TIMEOUT" });
    const releasing = hold.release();
    await clock.advance(0);
    await releasing;
    const next = other.lock("/l").acquire({ timeoutMs: 1_000 });
    next.catch(() => {});
    await clock.advance(1_000);
    expect((await next).isHeld).toBe(true);
    expect(failing.refusals()).toBe(1);
  });
});
