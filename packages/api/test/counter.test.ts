import { describe, expect, test } from "vitest";
import { memoryStore, range } from "./support.js";

describe("counter", () => {
  test("CNT-1: costs two round trips when nobody else writes, also the first time", async () => {
    const { within, join } = memoryStore();
    const { backend, coordinator } = await join();
    const counter = coordinator.counter("/c");
    for (const value of [1n, 2n, 3n]) {
      backend.requests.reset();
      expect(await within(100, counter.increment())).toBe(value);
      expect(backend.requests.total).toBe(2);
    }
    backend.requests.reset();
    expect(await within(100, counter.get())).toBe(3n);
    await within(100, counter.set(7n));
    expect(backend.requests.total).toBe(2);
  });

  test("CNT-1: many who add at once over a slow network all come through, each with a sum of its own", async () => {
    const { clock, within, join } = memoryStore();
    const clients = await Promise.all(range(30).map(() => join()));
    for (const { backend } of clients) backend.faults.delay(5);
    const each = 4;
    const add = async ({ coordinator }: (typeof clients)[number]) => {
      const sums: bigint[] = [];
      for (const _ of range(each)) sums.push(await coordinator.counter("/c").add(1n));
      return sums;
    };
    const before = clock.now();
    const sums = (await within(600_000, Promise.all(clients.map(add)))).flat();
    expect(sums.map(Number).sort((a, b) => a - b)).toEqual(range(30 * each).map((index) => index + 1));
    // Not how fast it is, but that it holds back: each round trip takes 10 ms, and there are many more than one each.
    expect(clock.now() - before).toBeGreaterThan(120 * 10);
  });

  test("CNT-1: those who are overtaken hold back, and do not ask the store at each write of the others", async () => {
    const { within, join } = memoryStore();
    const clients = await Promise.all(range(30).map(() => join()));
    for (const { backend } of clients) {
      backend.faults.delay(5);
      backend.requests.reset();
    }
    await within(
      600_000,
      Promise.all(clients.map(({ coordinator }) => coordinator.counter("/c").increment())),
    );
    const requests = clients.reduce((sum, { backend }) => sum + backend.requests.total, 0);
    // Without holding back, each write costs everybody who waits two requests: 30 * 31.
    expect(requests).toBeLessThan(30 * 31 * 0.7);
  });

  test("CNT-1: of those who add without pause, and are equally far from the store, nobody is left behind", async () => {
    const { clock, within, join } = memoryStore();
    const clients = await Promise.all(range(10).map(() => join()));
    let adding = true;
    const made = range(10).map(() => 0);
    const add = async ({ backend, coordinator }: (typeof clients)[number], index: number) => {
      backend.faults.delay(5);
      for (; adding; made[index] = (made[index] ?? 0) + 1) await coordinator.counter("/c").increment();
    };
    const running = Promise.all(clients.map(add));
    await clock.advance(20_000);
    adding = false;
    await within(60_000, running);
    // Without holding back the first one makes all the additions, and the others find no gap.
    expect(Math.min(...made)).toBeGreaterThan(Math.max(...made) / 2);
  });

  test("CNT-4: an addition whose reply was lost says so, and was made once", async () => {
    const { clock, within, join } = memoryStore();
    const [{ backend, coordinator }, other] = [await join(), await join()];
    const counter = coordinator.counter("/c");
    await within(100, counter.set(5n));
    // Its read is answered; its write is applied, and the answer is lost.
    backend.faults.delay(10);
    const adding = counter.add(1n);
    adding.catch(() => {});
    // Ten milliseconds to the store and ten back: the read has been answered, and the write is on its way.
    await clock.advance(25);
    backend.faults.dropNextReply();
    await expect(within(10_000, adding)).rejects.toMatchObject({
      code: "CONNECTION_LOST",
      outcome: "unknown",
    });
    expect(await within(10_000, other.coordinator.counter("/c").get())).toBe(6n);
  });
});
