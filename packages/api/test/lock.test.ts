import { ConclaveError, connect } from "@conclave/api";
import type { Backend } from "@conclave/api/backend";
import { MemoryCluster, memory, VirtualClock } from "@conclave/backend-memory";
import { describe, expect, test } from "vitest";

function setup() {
  const clock = new VirtualClock();
  const cluster = new MemoryCluster({ clock });
  const join = async (backend: Backend = memory({ cluster })) => {
    const connecting = connect(backend, { sessionTimeoutMs: 3_000 });
    await clock.advance(0);
    return connecting;
  };
  /** A client to which the store refuses to remove an entry, the first time. */
  const failing = (): Backend => {
    const inner = memory({ cluster });
    let failed = false;
    return {
      name: inner.name,
      capabilities: inner.capabilities,
      clock: inner.clock,
      async open(options) {
        const session = await inner.open(options);
        const leave = session.leave.bind(session);
        session.leave = async (ticket) => {
          if (failed) return leave(ticket);
          failed = true;
          throw new ConclaveError("STORE_ERROR", "too many requests");
        };
        return session;
      },
    };
  };
  return { clock, cluster, join, failing };
}

describe("lock", () => {
  test("OUT-4: tryAcquire rejects at once when its signal aborts while the store does not answer", async () => {
    const { clock, cluster, join } = setup();
    const backend = memory({ cluster });
    const [waiter, holder] = [await join(backend), await join()];
    const held = holder.lock("/l").acquire();
    await clock.advance(0);
    await held;
    backend.faults.delay(10);
    const stop = new AbortController();
    const trying = waiter.lock("/l").tryAcquire({ signal: stop.signal });
    // The entry stands by now, behind the holder's, and is to be removed.
    await clock.advance(20);
    backend.faults.blackHole();
    stop.abort();
    let outcome: unknown = "pending";
    trying.catch((error) => {
      outcome = error.code;
    });
    await clock.advance(0);
    expect(outcome).toBe("ABORTED");
  });

  test("LEAD-6: withLock settles as work did though the store fails to remove the entry at first", async () => {
    const { clock, join, failing } = setup();
    const [coordinator, other] = [await join(failing()), await join()];
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
  });

  test("LEAD-6: a wait given up leaves the line though the store fails to remove its entry at first", async () => {
    const { clock, join, failing } = setup();
    const [waiter, other] = [await join(failing()), await join()];
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
  });
});
