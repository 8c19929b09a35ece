import { describe, expect, test } from "vitest";
import { memoryStore, stateOf } from "./support.js";

describe("barrier", () => {
  test("BAR-1: a wait passes when what it found is over, though the barrier is set anew at once", async () => {
    const { clock, within, join } = memoryStore();
    const [{ coordinator }, waiter] = [await join(), await join()];
    const barrier = coordinator.barrier("/b");
    await within(100, barrier.set());
    const waiting = waiter.coordinator.barrier("/b").wait();
    await clock.advance(0);
    // The waiter hears of nothing until both have happened.
    waiter.backend.faults.blackHole();
    await within(100, barrier.remove());
    await within(100, barrier.set());
    const second = coordinator.barrier("/b").wait();
    const state = stateOf(second);
    waiter.backend.faults.heal();
    await within(3_000, waiting);
    expect(state.now).toBe("pending");
    await within(100, barrier.remove());
    await within(100, second);
  });

  test("BAR-1: costs one round trip where nothing stands, and one request to set and to remove", async () => {
    const { within, join } = memoryStore();
    const { backend, coordinator } = await join();
    const barrier = coordinator.barrier("/b");
    for (const call of [
      () => barrier.wait(),
      () => barrier.set(),
      () => barrier.set(),
      () => barrier.remove(),
    ]) {
      backend.requests.reset();
      await within(100, call());
      expect(backend.requests.total).toBe(1);
    }
  });

  test("BAR-2: a removal whose reply was lost is not repeated, so that it never takes away a later raising", async () => {
    const { within, join } = memoryStore();
    const [{ backend, coordinator }, other] = [await join(), await join()];
    await within(100, coordinator.barrier("/b").set());
    backend.faults.dropNextReply();
    const removing = within(10_000, coordinator.barrier("/b").remove());
    removing.catch(() => {});
    await within(1_000, other.coordinator.barrier("/b").wait());
    await within(1_000, other.coordinator.barrier("/b").set());
    await expect(removing).rejects.toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
    expect(await within(1_000, other.coordinator.exists("/b"))).toBe(true);
  });

  test("BAR-2: a wait that was reading when its session was lost, or closed, goes on in the next", async () => {
    const { clock, cluster, within, join } = memoryStore();
    const [{ backend, coordinator }, other] = [await join(), await join()];
    await within(100, other.coordinator.barrier("/b").set());
    const endings = [
      async () => cluster.expireSession((await coordinator.session()).id),
      async () => (await coordinator.session()).close(),
    ];
    for (const end of endings) {
      backend.faults.blackHole({ only: "replies" });
      const waiting = coordinator.barrier("/b").wait();
      const state = stateOf(waiting);
      await clock.advance(10);
      void end();
      await clock.advance(4_000);
      backend.faults.heal();
      await within(10_000, coordinator.session());
      await clock.advance(100);
      expect(state.now).toBe("pending");
      await within(1_000, other.coordinator.barrier("/b").remove());
      await within(1_000, waiting);
      await within(1_000, other.coordinator.barrier("/b").set());
    }
  });

  test('BAR-1: "/" is no barrier', async () => {
    const { join } = memoryStore();
    const { coordinator } = await join();
    expect(() => coordinator.barrier("/")).toThrowError(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });
});
