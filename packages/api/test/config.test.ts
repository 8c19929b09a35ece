import type { SchemaInput, SchemaOutput, StandardSchema } from "@conclave/api";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { memoryStore, range, stateOf } from "./support.js";

const withZod = z.object({
  limit: z.number().int().min(1),
  since: z
    .string()
    .transform((text) => new Date(text))
    .optional(),
});
const withValibot = v.object({
  limit: v.pipe(v.number(), v.integer(), v.minValue(1)),
  since: v.optional(
    v.pipe(
      v.string(),
      v.transform((text) => new Date(text)),
    ),
  ),
});
/** Not at once, and in no time of the clock's. */
const later = async <T>(value: T): Promise<T> => {
  for (const _ of range(5)) await undefined;
  return value;
};
const asyncZod = z.object({ limit: z.number().refine(async (limit) => later(limit >= 1), "too small") });
const asyncValibot = v.objectAsync({
  limit: v.pipeAsync(
    v.number(),
    v.checkAsync(async (limit) => later(limit >= 1), "too small"),
  ),
});
const schemas: readonly (readonly [string, StandardSchema<{ limit: number }, { limit: number }>])[] = [
  ["zod", z.object({ limit: z.number().int().min(1) })],
  ["valibot", v.object({ limit: v.pipe(v.number(), v.integer(), v.minValue(1)) })],
  ["zod, asynchronous", asyncZod],
  ["valibot, asynchronous", asyncValibot],
];

describe.each(schemas)("config with %s", (_, schema) => {
  test("CFG-1: a value that the schema refuses is refused before any request, and the error says where and why", async () => {
    const { within, join } = memoryStore();
    const { backend, coordinator } = await join();
    const config = coordinator.config("/c", { schema });
    backend.requests.reset();
    await expect(within(100, config.set({ limit: 0 }))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      outcome: "not-applied",
      path: "/c",
      message: expect.stringMatching(/"\/c".*at limit: .*(small|>= ?1)/),
    });
    expect(backend.requests.total).toBe(0);
    expect(await within(100, config.set({ limit: 1 }))).toBe(0);
    expect(await within(100, config.get())).toEqual({ value: { limit: 1 }, version: 0 });
  });

  test("CFG-4: what is stored and not valid is an error that says where and why", async () => {
    const { within, join } = memoryStore();
    const { coordinator } = await join();
    const config = coordinator.config("/c", { schema });
    await within(100, coordinator.create("/c", '{"limit":0}'));
    const refused = { code: "INVALID_DATA", path: "/c", message: expect.stringMatching(/at limit: /) };
    await expect(within(100, config.get())).rejects.toMatchObject(refused);
    await expect(
      within(
        100,
        config.update(() => ({ limit: 1 })),
      ),
    ).rejects.toMatchObject(refused);
    expect(await within(100, config.set({ limit: 2 }))).toBe(1);
  });

  test("CFG-3, CFG-4: a live config keeps the last valid value and names the problem until it is over", async () => {
    const { clock, within, join } = memoryStore();
    const [{ coordinator }, other] = [await join(), await join()];
    const live = await within(100, coordinator.config("/c", { schema }).live());
    const now = () => ({ value: live.value, version: live.version, problem: live.problem?.code });
    const set = async (data: string) => {
      await within(100, other.coordinator.set("/c", data));
      await clock.advance(1);
      return now();
    };
    expect(now()).toEqual({ value: undefined, version: undefined, problem: undefined });
    await within(100, other.coordinator.create("/c", '{"limit":1}'));
    expect(await set('{"limit":2}')).toEqual({ value: { limit: 2 }, version: 1, problem: undefined });
    expect(await set('{"limit":0}')).toEqual({ value: { limit: 2 }, version: 1, problem: "INVALID_DATA" });
    expect(await set("{limit")).toEqual({ value: { limit: 2 }, version: 1, problem: "INVALID_DATA" });
    expect(await set('{"limit":3}')).toEqual({ value: { limit: 3 }, version: 4, problem: undefined });
    expect(live.stale).toBe(false);
    await within(100, other.coordinator.delete("/c"));
    await clock.advance(1);
    expect(now()).toEqual({ value: undefined, version: undefined, problem: undefined });
    live.close();
    expect(live.stale).toBe(true);
  });
});

describe("config", () => {
  test("CFG-1: what is set is what the schema takes, what is read is what it makes of it", async () => {
    const { within, join } = memoryStore();
    const { coordinator } = await join();
    const zodConfig = coordinator.config("/z", { schema: withZod });
    const valibotConfig = coordinator.config("/v", { schema: withValibot });
    expectTypeOf<SchemaInput<typeof withZod>>().toEqualTypeOf<z.input<typeof withZod>>();
    expectTypeOf<SchemaOutput<typeof withValibot>>().toEqualTypeOf<v.InferOutput<typeof withValibot>>();
    expectTypeOf(zodConfig.set).parameter(0).toEqualTypeOf<z.input<typeof withZod>>();
    expectTypeOf(valibotConfig.set).parameter(0).toEqualTypeOf<v.InferInput<typeof withValibot>>();
    const since = "2026-01-02T00:00:00.000Z";
    for (const config of [zodConfig, valibotConfig]) {
      await within(100, config.set({ limit: 1, since }));
      const read = await within(100, config.get());
      expectTypeOf(read?.value.since).toEqualTypeOf<Date | undefined>();
      expect(read?.value).toEqual({ limit: 1, since: new Date(since) });
      const seen = await within(
        100,
        config.update((current) => ({
          limit: (current?.limit ?? 0) + 1,
          since: current?.since?.toISOString(),
        })),
      );
      expect(seen).toEqual({ value: { limit: 2, since: new Date(since) }, version: 1 });
    }
    const stored = await within(100, coordinator.get("/z"));
    expect(new TextDecoder().decode(stored?.data)).toBe(JSON.stringify({ limit: 2, since }));
  });

  test("CFG-1: what JSON cannot carry is refused when it is set, not found when it is read", async () => {
    const { within, join } = memoryStore();
    const { backend, coordinator } = await join();
    const circular: { itself?: unknown } = {};
    circular.itself = circular;
    backend.requests.reset();
    const refused: readonly (readonly [StandardSchema, unknown])[] = [
      [z.object({ at: z.date() }), { at: new Date() }],
      [z.number(), Number.NaN],
      [z.unknown(), 1n],
      [z.unknown(), undefined],
      [z.unknown(), () => 1],
      [z.unknown(), circular],
      [v.array(v.optional(v.number())), [undefined]],
    ];
    for (const [schema, value] of refused) {
      await expect(within(100, coordinator.config("/c", { schema }).set(value))).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        path: "/c",
      });
    }
    expect(backend.requests.total).toBe(0);
  });

  test("CFG-1: a schema that throws refuses, and the error keeps what it threw", async () => {
    const { within, join } = memoryStore();
    const { coordinator } = await join();
    const cause = new Error("no connection to the list of names");
    const fails = (validate: () => never) =>
      ({ "~standard": { version: 1, vendor: "test", validate } }) as const;
    const throwing = fails(() => {
      throw cause;
    });
    const config = coordinator.config("/c", { schema: throwing });
    await expect(within(100, config.set("x" as never))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      cause,
    });
    await within(100, coordinator.create("/c", "1"));
    await expect(within(100, config.get())).rejects.toMatchObject({ code: "INVALID_DATA", cause });
  });

  test("CFG-1: what is no schema is refused at once", async () => {
    const { join } = memoryStore();
    const { coordinator } = await join();
    const wrong: readonly unknown[] = [
      undefined,
      {},
      { schema: undefined },
      { schema: () => true },
      { schema: { "~standard": { version: 2, validate: () => ({ value: 1 }) } } },
      { schema: z.string(), shema: 1 },
    ];
    for (const options of wrong) {
      expect(() => coordinator.config("/c", options as { schema: StandardSchema })).toThrowError(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
    }
  });

  test("CFG-4: no message shows what is stored and is not JSON", async () => {
    const { within, join } = memoryStore();
    const { coordinator } = await join();
    await within(100, coordinator.create("/c", "password=hunter2"));
    const error: Error = await within(100, coordinator.config("/c", { schema: z.unknown() }).get()).then(
      () => new Error("it was read"),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: "INVALID_DATA" });
    expect(error.cause).toBeUndefined();
    expect(error.message).toContain("16 bytes");
    expect(error.message).not.toContain("hunter2");
  });

  test("CFG-2: many who update at once over a slow network lose no update", async () => {
    const { within, join } = memoryStore();
    const clients = await Promise.all(range(12).map(() => join()));
    const schema = z.array(z.number());
    for (const { backend } of clients) backend.faults.delay(5);
    const add = ({ coordinator }: (typeof clients)[number], index: number) =>
      coordinator.config("/c", { schema }).update((list = []) => [...list, index]);
    await within(60_000, Promise.all(clients.map(add)));
    const list = (
      await within(100, clients[0]?.coordinator.config("/c", { schema }).get() ?? Promise.reject())
    )?.value;
    expect(list?.toSorted((a, b) => a - b)).toEqual(range(12));
  });

  test("CFG-2: an update costs two round trips, a set one, or two the first time", async () => {
    const { within, join } = memoryStore();
    const { backend, coordinator } = await join();
    const config = coordinator.config("/c", { schema: z.number() });
    const costs: number[] = [];
    const count = async (call: () => Promise<unknown>) => {
      backend.requests.reset();
      await within(100, call());
      costs.push(backend.requests.total);
    };
    await count(() => config.set(1));
    await count(() => config.set(2));
    await count(() => config.set(3, { ifVersion: 1 }));
    await count(() => config.update((value = 0) => value + 1));
    await count(() => config.get());
    expect(costs).toEqual([2, 1, 1, 2, 1]);
  });

  test("CFG-3: validation that takes its time puts no older value after a newer one", async () => {
    const { clock, within, join } = memoryStore();
    const [{ coordinator }, other] = [await join(), await join()];
    const slow = z.number().refine(
      (ms) =>
        new Promise<boolean>((resolve) => {
          clock.schedule(ms, () => resolve(true));
        }),
    );
    await within(100, other.coordinator.create("/c", "0"));
    const live = await within(100, coordinator.config("/c", { schema: slow }).live());
    const seen: unknown[] = [];
    for (const ms of [100, 1, 50]) {
      await within(100, other.coordinator.set("/c", String(ms)));
      await clock.advance(5);
      seen.push(live.value);
    }
    expect(seen).toEqual([0, 0, 0]);
    await clock.advance(100);
    seen.push(live.value);
    await clock.advance(100);
    seen.push(live.value);
    expect(seen.slice(3)).toEqual([100, 50]);
    live.close();
  });

  test("CFG-3: a live config is stale without contact, and in the next session until it is told the state there", async () => {
    const { clock, within, join } = memoryStore();
    const [{ backend, coordinator }, other] = [await join(), await join()];
    const config = coordinator.config("/c", { schema: z.number() });
    await within(100, config.set(1));
    const live = await within(100, config.live());
    const states: (boolean | number | undefined)[] = [live.stale];
    backend.faults.refuse();
    states.push(live.stale);
    await within(100, other.coordinator.set("/c", "2"));
    await clock.advance(5_000);
    states.push(live.stale, live.value);
    backend.faults.accept();
    backend.faults.delay(20);
    await within(60_000, coordinator.session());
    states.push(live.stale);
    await clock.advance(100);
    states.push(live.stale, live.value);
    expect(states).toEqual([false, true, true, 1, true, false, 2]);
    live.close();
  });

  test("CFG-4: a loop over a live config sees values and problems, and ends with it", async () => {
    const { clock, within, join } = memoryStore();
    const { coordinator } = await join();
    const config = coordinator.config("/c", { schema: z.number() });
    const live = await within(100, config.live());
    const seen: unknown[] = [];
    const loop = async () => {
      for await (const { value, version, problem } of live) seen.push([value, version, problem?.code]);
      return "ended";
    };
    const looping = [loop(), loop()];
    await clock.advance(1);
    await within(100, config.set(1));
    await clock.advance(1);
    await within(100, coordinator.set("/c", "one"));
    await clock.advance(1);
    const each = [
      [undefined, undefined, undefined],
      [1, 0, undefined],
      [1, 0, "INVALID_DATA"],
    ];
    expect(seen).toEqual(each.flatMap((state) => [state, state]));
    live.close();
    expect(await within(100, Promise.all([...looping, loop()]))).toEqual(["ended", "ended", "ended"]);
    const other = await within(100, config.live());
    const reading = other[Symbol.asyncIterator]();
    await within(100, reading.next());
    const next = stateOf(reading.next());
    void coordinator.close();
    await clock.advance(1);
    expect(next.now).toBe("CLOSED");
    expect(other.stale).toBe(true);
  });

  test("OUT-4: an opening that is given up stops watching", async () => {
    const { clock, within, join } = memoryStore();
    const [{ backend, coordinator }, other] = [await join(), await join()];
    backend.faults.blackHole({ only: "replies" });
    const opening = stateOf(coordinator.config("/c", { schema: z.number() }).live({ timeoutMs: 50 }));
    await clock.advance(60);
    expect(opening.now).toBe("TIMEOUT");
    backend.faults.heal();
    await clock.advance(1_000);
    backend.requests.reset();
    await within(100, other.coordinator.create("/c", "1"));
    await clock.advance(1_000);
    expect(backend.requests.notifications).toBe(0);
  });
});
