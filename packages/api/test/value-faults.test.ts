import type { NodeSink } from "@conclave/api/backend";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { memoryStore, range, stateOf } from "./support.js";

describe("what is compared and swapped", () => {
  test("SES-10: one who holds back is settled at once when the coordinator is closed", async () => {
    const { clock, now, join } = memoryStore();
    const [{ coordinator, faults }, rival] = [await join(), await join()];
    await now(rival.coordinator.counter("/c").set(0n));
    faults.delay(400);
    const adding = stateOf(coordinator.counter("/c").increment());
    await clock.advance(900);
    await now(rival.coordinator.counter("/c").increment());
    // The refusal comes after 1,600 ms; from then on it holds back, at random, in a window of 1,000 ms.
    vi.spyOn(Math, "random").mockReturnValue(0.9);
    await clock.advance(710);
    vi.restoreAllMocks();
    void coordinator.close();
    await clock.advance(0);
    expect(adding.now).toBe("CLOSED");
  });
});

describe("live config", () => {
  test("CFG-3: a new connection that brings nothing new is no change, and the value stays the same object", async () => {
    const { clock, now, join } = memoryStore();
    const { coordinator, faults } = await join();
    const config = coordinator.config("/c", { schema: z.object({ limit: z.number() }) });
    await now(config.set({ limit: 1 }));
    const live = await now(config.live());
    const before = live.value;
    let told = 0;
    void (async () => {
      for await (const _ of live) told += 1;
    })();
    await clock.advance(0);
    for (const _ of range(3)) {
      faults.cut();
      await clock.advance(100);
    }
    expect(live.stale).toBe(false);
    expect(told).toBe(1);
    expect(live.value).toBe(before);
    live.close();
  });

  test("CFG-3: after a disconnection it is stale until the state has been told anew", async () => {
    const { clock, now, join } = memoryStore();
    let late = false;
    const { coordinator, faults } = await join((session) => {
      const watchNode = session.watchNode.bind(session);
      // As where a watch resumes later than the session does.
      session.watchNode = (path, sink) => {
        const slow: NodeSink = {
          state: (node) => (late ? void clock.schedule(500, () => sink.state(node)) : sink.state(node)),
          failed: (error) => sink.failed(error),
        };
        return watchNode(path, slow);
      };
    });
    const other = await join();
    const config = coordinator.config("/c", { schema: z.number() });
    await now(config.set(1));
    const live = await now(config.live());
    late = true;
    faults.refuse();
    await now(other.coordinator.set("/c", "2"));
    faults.accept();
    await clock.advance(400);
    expect((await coordinator.session()).state).toBe("connected");
    expect([live.value, live.stale]).toEqual([1, true]);
    await clock.advance(1_000);
    expect([live.value, live.stale]).toEqual([2, false]);
    live.close();
    await now(coordinator.close());
  });

  test("OUT-4: opened with a signal that has aborted, it asks for nothing", async () => {
    const { cluster, now, join } = memoryStore();
    const { coordinator } = await join();
    cluster.requests.reset();
    const opening = coordinator.config("/c", { schema: z.number() }).live({ signal: AbortSignal.abort() });
    await expect(now(opening)).rejects.toMatchObject({ code: "ABORTED" });
    expect(cluster.requests.total).toBe(0);
  });

  test("CFG-4: bytes that are no text are not JSON, and an update does not put others in their place", async () => {
    const { now, join } = memoryStore();
    const { coordinator } = await join();
    const config = coordinator.config("/c", { schema: z.string() });
    await now(coordinator.create("/c", new Uint8Array([0x22, 0xff, 0x22])));
    await expect(now(config.get())).rejects.toMatchObject({ code: "INVALID_DATA" });
    await expect(now(config.update((text) => `${text}!`))).rejects.toMatchObject({ code: "INVALID_DATA" });
  });
});
