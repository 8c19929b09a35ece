import { unlessAborted, within } from "@conclave/api/backend";
import { VirtualClock } from "@conclave/backend-memory";
import { expect, test } from "vitest";

const tooLate = () => new Error("too late");
const never = new Promise<never>(() => {});

test("within passes on what comes in time, and leaves no timer behind", async () => {
  const clock = new VirtualClock();
  expect(await within(clock, 10, Promise.resolve("in time"), tooLate)).toBe("in time");
  await expect(within(clock, 10, Promise.reject(new Error("failed")), tooLate)).rejects.toThrow("failed");
  expect(clock.pending).toBe(0);
});

test("within ends after its time, also when that is over already", async () => {
  const clock = new VirtualClock();
  const waits = [within(clock, 10, never, tooLate), within(clock, -1, never, tooLate)];
  const ends = Promise.allSettled(waits);
  await clock.advance(10);
  for (const end of await ends)
    expect(end).toMatchObject({ status: "rejected", reason: { message: "too late" } });
});

test("unlessAborted ends with the signal's reason, also when it aborted before", async () => {
  const controller = new AbortController();
  const waiting = unlessAborted(controller.signal, never);
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(unlessAborted(controller.signal, never)).rejects.toThrow("enough");
});

test("unlessAborted passes on what comes before", async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(signal, Promise.resolve("done"))).toBe("done");
  await expect(unlessAborted(signal, Promise.reject(new Error("failed")))).rejects.toThrow("failed");
});
