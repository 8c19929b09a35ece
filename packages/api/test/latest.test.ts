import { describe, expect, test, vi } from "vitest";
import { Latest } from "../src/internal/latest.js";

const options = { signal: undefined, beforeRead: () => {} };

describe("latest", () => {
  test("a late reader gets only the newest value, and only that one is made", async () => {
    const made = vi.fn((n: number) => n);
    const latest = new Latest<number>(options, () => () => {});
    for (let n = 0; n < 1_000; n += 1) latest.push(() => made(n));
    expect(await latest.next()).toEqual({ done: false, value: 999 });
    expect(made).toHaveBeenCalledTimes(1);
  });

  test("a reader that waits gets the next value", async () => {
    const latest = new Latest<number>(options, () => () => {});
    const read = latest.next();
    latest.push(() => 1);
    expect(await read).toEqual({ done: false, value: 1 });
  });

  test("an error is thrown once, after it nothing comes, and the source is detached", async () => {
    const detach = vi.fn();
    const latest = new Latest<number>(options, () => detach);
    latest.push(() => 1);
    latest.end(new Error("lost"));
    latest.push(() => 2);
    expect(detach).toHaveBeenCalledTimes(1);
    await expect(latest.next()).rejects.toThrow("lost");
    expect(await latest.next()).toEqual({ done: true, value: undefined });
  });

  test("of several pending reads the first gets the error and the others the end", async () => {
    const latest = new Latest<number>(options, () => () => {});
    const [first, second] = [latest.next(), latest.next()];
    latest.end(new Error("lost"));
    await expect(first).rejects.toThrow("lost");
    expect((await second).done).toBe(true);
  });

  test("return and signal end it quietly, pending reads included", async () => {
    for (const how of ["return", "signal"] as const) {
      const controller = new AbortController();
      const detach = vi.fn();
      const latest = new Latest<number>({ ...options, signal: controller.signal }, () => detach);
      const read = latest.next();
      if (how === "return") await latest.return();
      else controller.abort();
      expect((await read).done).toBe(true);
      expect(detach).toHaveBeenCalledTimes(1);
    }
  });

  test("a source that ends it while it starts is detached, one that throws is an error", async () => {
    const detach = vi.fn();
    const ended = new Latest<number>(options, (latest) => {
      latest.end();
      return detach;
    });
    expect(detach).toHaveBeenCalledTimes(1);
    expect((await ended.next()).done).toBe(true);
    const failed = new Latest<number>(options, () => {
      throw new Error("no source");
    });
    await expect(failed.next()).rejects.toThrow("no source");
  });

  test("with an aborted signal the source is never started", async () => {
    const start = vi.fn(() => () => {});
    const latest = new Latest<number>({ ...options, signal: AbortSignal.abort() }, start);
    expect((await latest.next()).done).toBe(true);
    expect(start).not.toHaveBeenCalled();
  });
});
