import { VirtualClock } from "@conclave/backend-memory";
import { afterEach, expect, test, vi } from "vitest";

afterEach(() => {
  vi.useRealTimers();
});

test("timers run in the order of their times, and of their making within one time", async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  for (const [name, delay] of [
    ["c", 30],
    ["a", 10],
    ["b1", 20],
    ["b2", 20],
  ] as const) {
    clock.schedule(delay, () => ran.push(`${name}@${clock.now()}`));
  }
  await clock.advance(25);
  expect(ran).toEqual(["a@10", "b1@20", "b2@20"]);
  expect(clock.now()).toBe(25);
  await clock.advance(5);
  expect(ran.at(-1)).toBe("c@30");
});

test("everything that a timer sets off has settled before the next timer runs", async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.schedule(1, async () => {
    for (let turn = 0; turn < 100; turn++) await null;
    ran.push(`chain@${clock.now()}`);
    clock.schedule(0.5, () => ran.push(`child@${clock.now()}`));
  });
  clock.schedule(2, () => ran.push("next@2"));
  await clock.advance(2);
  expect(ran).toEqual(["chain@1", "child@1.5", "next@2"]);
});

test("a cancelled timer neither runs nor counts", async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  const cancel = clock.schedule(5, () => ran.push("cancelled"));
  clock.schedule(5, () => ran.push("kept"));
  expect(clock.pending).toBe(2);
  cancel();
  cancel();
  expect(clock.pending).toBe(1);
  await clock.advance(10);
  expect(ran).toEqual(["kept"]);
  expect(clock.pending).toBe(0);
});

test("advances called at once follow each other", async () => {
  const clock = new VirtualClock();
  const ran: number[] = [];
  clock.schedule(10, () => ran.push(clock.now()));
  await Promise.all([clock.advance(7), clock.advance(7)]);
  expect(ran).toEqual([10]);
  expect(clock.now()).toBe(14);
});

test("a timer's error rejects the advance, and the clock goes on when asked again", async () => {
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.schedule(1, () => {
    throw new Error("from a timer");
  });
  clock.schedule(2, () => ran.push("next"));
  await expect(clock.advance(5)).rejects.toThrow("from a timer");
  expect(clock.now()).toBe(1);
  await clock.advance(4);
  expect(ran).toEqual(["next"]);
});

test("advanceUntil stops at the time at which the condition came true", async () => {
  const clock = new VirtualClock();
  let done = false;
  clock.schedule(40, () => {
    done = true;
  });
  clock.schedule(50, () => {});
  await clock.advanceUntil(() => done);
  expect(clock.now()).toBe(40);
  await expect(clock.advanceUntil(() => false, { withinMs: 100 })).rejects.toThrow("100 virtual ms");
});

test("fake timers installed later don't stop it", async () => {
  vi.useFakeTimers();
  const clock = new VirtualClock();
  const ran: string[] = [];
  clock.schedule(1, () => ran.push("ran"));
  await clock.advance(1);
  expect(ran).toEqual(["ran"]);
});
