import { describe, expect, test } from "vitest";
import { lineRecipes } from "./lines.js";
import { memoryStore } from "./support.js";

const delayMs = 10;

/**
 * Lets a wait run for `afterMs` and aborts it there, with every message under way for 10 ms: so that, step by step, each
 * moment between any two messages is one at which it was given up.
 */
async function giveUp(recipe: (typeof lineRecipes)[number], contended: boolean, afterMs: number) {
  const { clock, cluster, join, now } = memoryStore();
  const [holder, waiter] = [await join(), await join()];
  await now(holder.coordinator.create("/line"));
  const holds = contended ? await now(recipe.fill(holder.coordinator)) : [];
  const pending = clock.pending;
  waiter.faults.delay(delayMs);
  const stop = new AbortController();
  let outcome = "pending";
  const waiting = recipe.acquire(waiter.coordinator, { signal: stop.signal }).then(
    async ({ release }) => {
      outcome = "held";
      await release();
    },
    (error) => {
      outcome = error.code;
    },
  );
  await clock.advance(Math.min(afterMs, 3 * delayMs));
  // The turn comes in the middle of what follows.
  if (afterMs > 3 * delayMs) {
    void holds[0]?.release();
    await clock.advance(afterMs - 3 * delayMs);
  }
  stop.abort();
  await clock.advance(0);
  const promptly = outcome;
  await clock.advance(20 * delayMs);
  await waiting;
  for (const { release } of holds) await now(release());
  const left = (await now(holder.coordinator.children("/line"))).length;
  const another = await now(recipe.acquire(holder.coordinator));
  const free = another.hold.isHeld;
  await now(another.release());
  waiter.faults.delay(0);
  return { outcome, promptly, left, free, timers: clock.pending - pending, nodes: cluster.nodes };
}

describe.each(lineRecipes)("LEAD-6: $name, given up at any moment, leaves nothing behind", (recipe) => {
  test.each([false, true])("while others hold: %s", async (contended) => {
    const outcomes = new Set<string>();
    // From before the first message to after the last, twice per way of a message.
    for (let afterMs = 0; afterMs <= 10 * delayMs; afterMs += delayMs / 2) {
      const { outcome, promptly, ...rest } = await giveUp(recipe, contended, afterMs);
      outcomes.add(outcome);
      expect({ afterMs, promptly, ...rest }).toEqual({
        afterMs,
        promptly: outcome,
        left: 0,
        free: true,
        timers: 0,
        nodes: 1,
      });
    }
    expect([...outcomes].sort()).toEqual(["ABORTED", "held"]);
  });
});
