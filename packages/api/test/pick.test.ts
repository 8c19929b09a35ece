import type { PickOptions, ServiceView, ViewOptions } from "@conclave/api";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rotation } from "../src/recipes/discovery/rotation.js";
import { memoryStore } from "./support.js";

/** A view of a service with so many instances, `i0` and on. */
async function setup(count: number, options: ViewOptions = {}) {
  const store = memoryStore();
  const { coordinator } = await store.join();
  const directory = coordinator.discovery("/d");
  const register = (id: string) => store.now(directory.register({ name: "web", id, address: "h", port: 1 }));
  const registrations: Awaited<ReturnType<typeof register>>[] = [];
  for (let i = 0; i < count; i += 1) registrations.push(await register(`i${i}`));
  const withdraw = (i: number) => store.now(registrations[i]?.unregister() ?? Promise.resolve());
  const view = await store.now(directory.view("web", options));
  return { ...store, view, register, withdraw };
}

/** What so many picks give, sorted. */
function picks(view: ServiceView, count: number, options?: PickOptions): string {
  const ids = Array.from({ length: count }, () => view.pick(options)?.id ?? "none");
  return ids.sort().join(" ");
}

const [i0, i1, i2] = [{ id: "i0" }, { id: "i1" }, { id: "i2" }];
const strategies = ["round-robin", "random", "least-recently-failed", "sticky"] as const;
const optionsOf = (strategy: (typeof strategies)[number], key: string): PickOptions =>
  strategy === "sticky" ? { strategy, key } : { strategy };

describe("pick", () => {
  test("DISC-8: in each round each has one turn, whoever comes and goes meanwhile", () => {
    const steps = fc.array(
      fc.tuple(fc.constantFrom("add", "remove", "next"), fc.integer({ min: 0, max: 6 })),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (taken) => {
        const rotation = new Rotation<string>();
        const present = new Set<string>();
        const waiting = new Set<string>();
        for (const [step, n] of taken) {
          const key = `k${n}`;
          if (step === "add") {
            // One that comes joins with the next round.
            rotation.set(key, key);
            present.add(key);
          } else if (step === "remove") {
            expect(rotation.delete(key)).toBe(present.delete(key));
            waiting.delete(key);
          } else {
            if (waiting.size === 0) for (const each of present) waiting.add(each);
            const next = rotation.next();
            expect(next === undefined ? present.size === 0 : waiting.delete(next)).toBe(true);
          }
          expect([...rotation].map(([each]) => each).sort()).toEqual([...present].sort());
        }
      }),
    );
  });

  test("DISC-8: one that comes and goes all the time takes no turn from those that stay", () => {
    const rotation = new Rotation<string>();
    for (const key of ["a", "b", "c"]) rotation.set(key, key);
    const served: (string | undefined)[] = [];
    for (let n = 0; n < 30; n += 1) {
      rotation.set("flapping", "flapping");
      served.push(rotation.next());
      rotation.delete("flapping");
    }
    for (const key of ["a", "b", "c"]) {
      expect(served.filter((each) => each === key).length, key).toBeGreaterThanOrEqual(7);
    }
  });

  test.each(strategies)("DISC-8: %s avoids an instance that is down, and takes it back", async (strategy) => {
    const { clock, view } = await setup(3, { downMs: 100, maxDownMs: 350 });
    const seen = () => {
      const ids = Array.from({ length: 200 }, (_, n) => view.pick(optionsOf(strategy, `key ${n}`))?.id);
      return [...new Set(ids)].sort().join(" ");
    };
    expect(seen()).toBe("i0 i1 i2");
    // Twice as long each time in a row, up to the longest.
    for (const downMs of [100, 200, 350, 350]) {
      view.failed(i1);
      expect(seen()).toBe("i0 i2");
      await clock.advance(downMs - 1);
      expect(seen()).toBe("i0 i2");
      await clock.advance(1);
      expect(seen()).toBe("i0 i1 i2");
    }
    view.failed(i1);
    view.succeeded(i1);
    expect(seen()).toBe("i0 i1 i2");
    view.failed(i1);
    await clock.advance(100);
    expect(seen(), "a success starts anew").toBe("i0 i1 i2");
    await clock.advance(351);
    view.failed(i1);
    await clock.advance(100);
    expect(seen(), "so does a long time without failures").toBe("i0 i1 i2");
  });

  test("DISC-8: failures reported while an instance is down count once", async () => {
    const { clock, view } = await setup(2, { downMs: 100 });
    for (let n = 0; n < 10; n += 1) view.failed(i0);
    await clock.advance(100);
    expect(picks(view, 2)).toBe("i0 i1");
    view.failed(i0);
    await clock.advance(199);
    expect(picks(view, 2)).toBe("i1 i1");
    await clock.advance(1);
    expect(picks(view, 2)).toBe("i0 i1");
  });

  test("DISC-8: when all are down none is avoided, and the least recently failed is told by its time", async () => {
    const { clock, view } = await setup(3);
    for (const instance of [i2, i0, i1]) {
      view.failed(instance);
      await clock.advance(1);
    }
    expect(picks(view, 3)).toBe("i0 i1 i2");
    const sticky = view.pick({ strategy: "sticky", key: "k" });
    expect(sticky).toBeDefined();
    const leastRecently = { strategy: "least-recently-failed" } as const;
    expect(picks(view, 2, leastRecently)).toBe("i2 i2");
    view.failed(i2);
    expect(picks(view, 2, leastRecently)).toBe("i0 i0");
    view.succeeded(i1);
    expect(picks(view, 2, leastRecently)).toBe("i1 i1");
  });

  test("DISC-8: what is down for longer does not hold up what is due", async () => {
    const { clock, view } = await setup(3, { downMs: 100 });
    view.failed(i0);
    await clock.advance(100);
    view.failed(i0);
    await clock.advance(10);
    view.failed(i1);
    await clock.advance(100);
    expect(picks(view, 2)).toBe("i1 i2");
    await clock.advance(90);
    expect(picks(view, 3)).toBe("i0 i1 i2");
  });

  test("DISC-8: an instance that goes takes its failures along; one that is not there is ignored", async () => {
    const { view, withdraw, register, now } = await setup(2);
    view.failed(i0);
    await withdraw(0);
    view.failed(i0);
    view.succeeded(i0);
    expect(picks(view, 2)).toBe("i1 i1");
    await register("i0");
    expect(picks(view, 2)).toBe("i0 i1");
    await withdraw(1);
    view.failed(i0);
    expect(picks(view, 1)).toBe("i0");
    await now(Promise.resolve());
  });

  test("DISC-8: a sticky key moves only when its own instance goes, or to one that comes", async () => {
    const { view, withdraw, register } = await setup(20);
    const keys = Array.from({ length: 2_000 }, (_, n) => `user ${n}`);
    const places = () => keys.map((key) => view.pick({ strategy: "sticky", key })?.id);
    const before = places();
    expect(places()).toEqual(before);
    const loads = new Map<string | undefined, number>();
    for (const id of before) loads.set(id, (loads.get(id) ?? 0) + 1);
    expect(loads.size).toBe(20);
    // 100 each on average; these bounds are seven standard deviations away.
    for (const load of loads.values()) {
      expect(load).toBeGreaterThan(30);
      expect(load).toBeLessThan(170);
    }
    await withdraw(3);
    const without = places();
    for (const [n, id] of before.entries()) {
      if (id === "i3") expect(without[n]).not.toBe("i3");
      else expect(without[n]).toBe(id);
    }
    await register("new");
    for (const [n, id] of places().entries()) if (id !== "new") expect(id).toBe(without[n]);
    expect(places()).toContain("new");
  });

  test("DISC-8: the instance of a key does not depend on the order in which instances came", async () => {
    const [one, other] = [await setup(0), await setup(0)];
    const ids = Array.from({ length: 30 }, (_, n) => `id-${n}`);
    for (const id of ids) await one.register(id);
    for (const id of ids.reverse()) await other.register(id);
    for (let n = 0; n < 200; n += 1) {
      const options = { strategy: "sticky", key: `k${n}` } as const;
      expect(one.view.pick(options)?.id).toBe(other.view.pick(options)?.id);
    }
  });
});
