import type { RequestMethod } from "@conclave/backend-memory";
import { describe, expect, test } from "vitest";
import { type Held, lineRecipes } from "./lines.js";
import { memoryStore } from "./support.js";

/** In each direction. */
const delayMs = 10;
const roundTripMs = 2 * delayMs;

/** All that a recipe may ask for; watches are not waited for. */
const methods: readonly RequestMethod[] = [
  "get",
  "children",
  "childNodes",
  "commit",
  "enqueue",
  "standing",
  "leave",
  "entries",
];

describe.each(lineRecipes)("$name: round trips", ({ name, acquire, fill }) => {
  const setup = async () => {
    const { clock, cluster, join, now } = memoryStore();
    const [holder, waiter] = [await join(), await join()];
    await now(holder.coordinator.create("/line"));
    const asked = () =>
      Object.fromEntries(
        methods.map((method) => [method, cluster.requests.of(method)]).filter(([, count]) => count !== 0),
      );
    const timed = async (running: Promise<unknown>): Promise<number> => {
      const start = clock.now();
      let end = -1;
      running.then(() => {
        end = clock.now();
      });
      await clock.advanceUntil(() => end >= 0);
      return end - start;
    };
    return { clock, cluster, holder, waiter, now, asked, timed };
  };

  test("acquired without waiting: 1", async () => {
    const { cluster, holder, asked, timed } = await setup();
    holder.faults.delay(delayMs);
    cluster.requests.reset();
    expect(await timed(acquire(holder.coordinator))).toBe(roundTripMs);
    expect(asked()).toEqual({ enqueue: 1 });
  });

  test("released: 1", async () => {
    const { cluster, holder, now, asked, timed } = await setup();
    const { release } = await now(acquire(holder.coordinator));
    holder.faults.delay(delayMs);
    cluster.requests.reset();
    expect(await timed(release())).toBe(roundTripMs);
    expect(asked()).toEqual({ leave: 1 });
  });

  test("handed over: the notification and 1", async () => {
    const { clock, cluster, holder, waiter, now, asked, timed } = await setup();
    const [first] = await now(fill(holder.coordinator));
    let next: Held | undefined;
    const waiting = acquire(waiter.coordinator).then((held) => {
      next = held;
    });
    await clock.advance(0);
    expect(next).toBeUndefined();
    waiter.faults.delay(delayMs);
    cluster.requests.reset();
    void first?.release();
    expect(await timed(waiting)).toBe(delayMs + roundTripMs);
    await clock.advance(roundTripMs);
    // Behind the first who waits for a permit, the next learns by a change of its node.
    const announcement = name === "semaphore" ? { commit: 1 } : {};
    expect(asked()).toEqual({ leave: 1, standing: 1, ...announcement });
  });

  test("a guarded write: 1", async () => {
    const { cluster, holder, now, asked, timed } = await setup();
    const { hold } = await now(acquire(holder.coordinator));
    holder.faults.delay(delayMs);
    cluster.requests.reset();
    expect(await timed(hold.set("/line", "x"))).toBe(roundTripMs);
    expect(asked()).toEqual({ commit: 1 });
  });
});
