import { describe, expect, test } from "vitest";
import { memoryStore, range, stateOf } from "./support.js";

const path = "/s";

describe("semaphore", () => {
  test("SEM-2: one whose turn came while the reply to its joining was lost does not hold up those behind it", async () => {
    const { clock, within, join } = memoryStore();
    const [holder, lossy, last] = await Promise.all(range(3).map(() => join()));
    if (!holder || !lossy || !last) throw new Error("there are three");
    const acquire = ({ coordinator }: typeof holder) => coordinator.semaphore(path, { permits: 2 }).acquire();
    const [first, second] = await within(100, Promise.all([acquire(holder), acquire(holder)]));
    // It stands in the line, behind two who hold, and does not know it yet.
    lossy.backend.faults.delay(20);
    lossy.backend.faults.dropNextReply();
    const third = acquire(lossy);
    await clock.advance(21);
    // Sees it wait, and so waits for it alone.
    const fourth = stateOf(acquire(last));
    await clock.advance(0);
    await within(1, first.release());
    expect((await within(1_000, third)).isHeld).toBe(true);
    expect(fourth.now).toBe("pending");
    await within(1, second.release());
    await clock.advance(1_000);
    expect(fourth.now).toBe("resolved");
  });

  test("SEM-2: a free permit that is tried for while the reply is lost does not hold up those behind it", async () => {
    const { clock, within, join } = memoryStore();
    const [holder, lossy, last] = await Promise.all(range(3).map(() => join()));
    if (!holder || !lossy || !last) throw new Error("there are three");
    const of = ({ coordinator }: typeof holder) => coordinator.semaphore(path, { permits: 2 });
    const [first, second] = await within(100, Promise.all([of(holder).acquire(), of(holder).acquire()]));
    lossy.backend.faults.delay(20);
    lossy.backend.faults.dropNextReply();
    const third = of(lossy).tryAcquire();
    await clock.advance(21);
    const fourth = stateOf(of(last).acquire());
    await clock.advance(0);
    await within(1, first.release());
    expect((await within(1_000, third))?.isHeld).toBe(true);
    await within(1, second.release());
    await clock.advance(1_000);
    expect(fourth.now).toBe("resolved");
  });

  test("SEM-2: the first who waits asks as often as holders leave, however many of them had waited before", async () => {
    const { clock, within, join } = memoryStore();
    const permits = 20;
    const [early, late, waiter] = await Promise.all(range(3).map(() => join()));
    if (!early || !late || !waiter) throw new Error("there are three");
    const acquire = ({ coordinator }: typeof early) => coordinator.semaphore(path, { permits }).acquire();
    const before = await within(100, Promise.all(range(permits).map(() => acquire(early))));
    const after = range(permits).map(() => acquire(late));
    await clock.advance(0);
    await within(100, Promise.all(before.map((permit) => permit.release())));
    // Each of them has told those behind it that its turn had come.
    const holds = await within(100, Promise.all(after));
    await clock.advance(0);
    waiter.backend.requests.reset();
    const waiting = acquire(waiter);
    await clock.advance(0);
    expect(waiter.backend.requests.of("standing")).toBe(0);
    // One for each holder and one for its own entry.
    expect(waiter.backend.requests.of("watch")).toBe(permits + 1);
    await within(100, holds[7]?.release() ?? Promise.reject());
    expect((await within(100, waiting)).isHeld).toBe(true);
    expect(waiter.backend.requests.of("standing")).toBe(1);
  });
});
