import type { Leadership } from "@conclave/api";
import { describe, expect, test } from "vitest";
import { memoryStore, refusing, untilAborted } from "./support.js";

/** Waits for so many promise reactions, to come between any two steps of a call. */
async function reactions(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await undefined;
}

describe("election", () => {
  test("LEAD-3: when a session is lost, no hold of it claims to be held while another is told", async () => {
    const { clock, join } = memoryStore();
    const { coordinator, faults } = await join();
    const taking = [coordinator.election("/e").campaign(), coordinator.lock("/l").acquire()];
    await clock.advance(0);
    const holds = await Promise.all(taking);
    expect(holds.map((hold) => hold.isHeld)).toEqual([true, true]);
    const claims: boolean[] = [];
    for (const hold of holds)
      hold.signal.addEventListener("abort", () => claims.push(...holds.map(({ isHeld }) => isHeld)));
    faults.blackHole();
    await clock.advance(3_100);
    expect(claims).toEqual([false, false, false, false]);
  });

  test.each(["its signal aborts", "its session is closed", "its node is deleted"])(
    "LEAD-3: lead never starts work with a leadership that is over, whenever %s",
    async (event) => {
      const live: boolean[] = [];
      for (let count = 0; count < 40; count += 1) {
        const { clock, join } = memoryStore();
        const [{ coordinator: candidate }, { coordinator: other }] = [await join(), await join()];
        const session = await candidate.session();
        const stop = new AbortController();
        const leading = candidate.election("/e").lead(
          (leadership) => {
            live.push(!leadership.signal.aborted);
            return untilAborted(leadership.signal);
          },
          { signal: stop.signal },
        );
        let outcome: unknown = "pending";
        leading.catch((error) => {
          outcome = error.code;
        });
        await reactions(count);
        if (event === "its signal aborts") stop.abort();
        else if (event === "its session is closed") void session.close();
        else {
          const children = await other.children("/e").catch(() => []);
          for (const { name } of children) await other.delete(`/e/${name}`).catch(() => {});
        }
        await clock.advance(10_000);
        stop.abort();
        await clock.advance(10_000);
        expect({ count, outcome }).toEqual({ count, outcome: "ABORTED" });
      }
      expect(live.length).toBeGreaterThan(0);
      expect(live).not.toContain(false);
    },
  );

  test("LEAD-10: work that ends only after a pause past the deadline has not led to its end: lead stands again", async () => {
    const { clock, join } = memoryStore();
    const { coordinator, faults } = await join();
    const terms: { leadership: Leadership; finish(result: string): void }[] = [];
    const leading = coordinator
      .election("/e")
      .lead((leadership) => new Promise<string>((finish) => terms.push({ leadership, finish })));
    await clock.advance(0);
    faults.pause();
    await clock.advance(60_000);
    terms[0]?.finish("late");
    await clock.advance(0);
    faults.resume();
    await clock.advance(10_000);
    expect(terms.map(({ leadership }) => leadership.isHeld)).toEqual([false, true]);
    terms[1]?.finish("in time");
    await clock.advance(0);
    expect(await leading).toBe("in time");
  });

  test("LEAD-6: lead settles as work did though the store fails to remove the candidate at first", async () => {
    const { clock, join } = memoryStore();
    const { prepare, refusals } = refusing("leave", 1);
    const { coordinator } = await join(prepare);
    const leading = coordinator.election("/e").lead(() => "result");
    leading.catch(() => {});
    await clock.advance(0);
    expect(await leading).toBe("result");
    expect(refusals()).toBe(1);
    await clock.advance(1_000);
    expect(await coordinator.children("/e")).toEqual([]);
  });
});
