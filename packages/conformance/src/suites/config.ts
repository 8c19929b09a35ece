import assert from "node:assert/strict";
import type { StandardSchema } from "@conclave/api";
import { rejects } from "../expect.js";
import type { KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { follow, loseSession, pair, range, soonMs, steady, suspended, text } from "./support.js";

const path = "/settings/limits";

interface Limits {
  readonly max: number;
}

/** `{ max }`, from 1 on; takes its time, as validators may. */
const limits: StandardSchema<Limits> = {
  "~standard": {
    version: 1,
    vendor: "conclave",
    validate: async (value) => {
      const { max } = (value ?? {}) as Partial<Limits>;
      await undefined;
      if (typeof max === "number" && max >= 1) return { value: { max } };
      return { issues: [{ message: "must be a number from 1 on", path: [{ key: "max" }] }] };
    },
  },
};

function configOf({ coordinator }: KitClient) {
  return coordinator.config(path, { schema: limits });
}

export const config = suite("config", (test) => {
  test(
    "CFG-1",
    "a value is stored as JSON, and read by everybody; without one there is none",
    async (kit) => {
      const [a, b] = await pair(kit);
      assert.equal(await configOf(b).get(), undefined);
      assert.equal(await configOf(a).set({ max: 5 }), 0);
      assert.equal(await configOf(a).set({ max: 6 }), 1);
      assert.deepEqual(await configOf(b).get({ linearizable: true }), { value: { max: 6 }, version: 1 });
      assert.equal(text(await b.coordinator.get(path, { linearizable: true })), '{"max":6}');
    },
  );

  test(
    "CFG-1",
    "a value that the schema refuses is refused before any I/O, with the reason",
    { needs: ["link"] },
    async (kit) => {
      const [a] = await pair(kit);
      await a.link.blackHole();
      for (const value of [{ max: 0 }, {}, { max: "1" }, null]) {
        const refused = rejects(configOf(a).set(value as Limits), "INVALID_ARGUMENT", "not-applied");
        const { message } = await kit.within("it is refused", a.session.timeoutMs / 4, refused);
        assert.match(message, /"\/settings\/limits".*at max: must be a number from 1 on/);
      }
      await a.link.heal();
      assert.equal(await kit.within("nothing is there", soonMs(kit), a.coordinator.exists(path)), false);
    },
  );

  test("CFG-2", "a set at a version takes effect at that version only", async (kit) => {
    const [a, b] = await pair(kit);
    await rejects(configOf(a).set({ max: 1 }, { ifVersion: 0 }), "NO_NODE", "not-applied");
    await configOf(a).set({ max: 1 });
    assert.equal(await configOf(b).set({ max: 2 }, { ifVersion: 0 }), 1);
    await rejects(configOf(a).set({ max: 3 }, { ifVersion: 0 }), "BAD_VERSION", "not-applied");
    assert.deepEqual(await configOf(a).get({ linearizable: true }), { value: { max: 2 }, version: 1 });
  });

  test("CFG-2", "no update of many is lost", { timeouts: 20 }, async (kit) => {
    const clients = await pair(kit);
    const update = (index: number) =>
      configOf(clients[index % 2] as KitClient).update((current) => ({ max: (current?.max ?? 0) + 1 }));
    const seen = await Promise.all(range(10).map(update));
    assert.deepEqual(
      seen.map(({ value }) => value.max).sort((a, b) => a - b),
      range(10).map((index) => index + 1),
    );
    assert.ok(seen.every(({ value, version }) => value.max === version + 1));
    assert.deepEqual(await configOf(clients[0]).get({ linearizable: true }), {
      value: { max: 10 },
      version: 9,
    });
  });

  test("CFG-2", "an update that fails, or makes what is not valid, changes nothing", async (kit) => {
    const [a] = await pair(kit);
    await configOf(a).set({ max: 1 });
    const failure = new Error("no");
    const failing = configOf(a).update(() => {
      throw failure;
    });
    await assert.rejects(failing, (error) => error === failure);
    await rejects(
      configOf(a).update(() => ({ max: 0 })),
      "INVALID_ARGUMENT",
      "not-applied",
    );
    await rejects(configOf(a).update("max" as never), "INVALID_ARGUMENT", "not-applied");
    assert.deepEqual(await configOf(a).get({ linearizable: true }), { value: { max: 1 }, version: 0 });
  });

  test("CFG-3", "a watch yields the value now and later valid ones, in order, to the last", async (kit) => {
    const [a, b] = await pair(kit);
    const seen = follow(kit, configOf(b).watch());
    await kit.until("the first", soonMs(kit), () => seen.values.length > 0);
    for (const index of range(8)) {
      await configOf(a).set({ max: index + 1 });
      await a.coordinator.set(path, "{max");
    }
    await configOf(a).set({ max: 9 });
    await kit.until("the last", soonMs(kit), () => seen.last?.value.max === 9);
    assert.equal(seen.values[0], undefined);
    const values = seen.values.slice(1).map((one) => one?.value.max ?? 0);
    assert.deepEqual(
      values,
      values.toSorted((x, y) => x - y),
    );
    await a.coordinator.delete(path);
    await kit.until("it is gone", soonMs(kit), () => seen.last === undefined);
  });

  test(
    "CFG-3",
    "a live value and a watch go on in the next session, and the former is stale meanwhile",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client()];
      await configOf(a).set({ max: 1 });
      const live = await configOf(b).live();
      assert.deepEqual(
        [live.value, live.version, live.stale, live.problem],
        [{ max: 1 }, 0, false, undefined],
      );
      const seen = follow(kit, configOf(b).watch());
      await kit.until("the first", soonMs(kit), () => seen.values.length > 0);
      await loseSession(kit, b);
      assert.deepEqual([live.value, live.stale], [{ max: 1 }, true]);
      await kit.until("contact", soonMs(kit), () => !live.stale);
      await configOf(a).set({ max: 2 });
      await kit.until("the live value", soonMs(kit), () => live.value?.max === 2 && !live.stale);
      await kit.until("the watched value", soonMs(kit), () => seen.last?.value.max === 2);
      assert.deepEqual(
        seen.values.map((one) => one?.value.max),
        [1, 2],
        "a new session is no change",
      );
      live.close();
      assert.equal(live.stale, true);
    },
  );

  test(
    "CFG-3",
    "a live value is stale while contact is in doubt, and is not when it is back",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = await pair(kit);
      const live = await configOf(b).live();
      assert.deepEqual([live.value, live.stale], [undefined, false]);
      await b.link.refuse();
      await suspended(kit, b.session);
      assert.equal(live.stale, true);
      await configOf(a).set({ max: 3 });
      await b.link.heal();
      await kit.until("the value", soonMs(kit), () => live.value?.max === 3 && !live.stale);
      live.close();
    },
  );

  test(
    "CFG-4",
    "what is stored and not valid is an error, and reported while the last valid value is kept",
    async (kit) => {
      const [a, b] = await pair(kit);
      await configOf(a).set({ max: 1 });
      const live = await configOf(b).live();
      for (const [data, why] of [
        ['{"max":0}', /at max: must be a number from 1 on/],
        ["{max", /4 bytes.*not JSON/],
        ["", /0 bytes.*not JSON/],
      ] as const) {
        await a.coordinator.set(path, data);
        const problem = await kit.until(
          "the problem",
          soonMs(kit),
          () => why.test(live.problem?.message ?? "") && live.problem,
        );
        assert.deepEqual(
          [problem.code, problem.path, live.value, live.version],
          ["INVALID_DATA", path, { max: 1 }, 0],
        );
        assert.match(
          (await rejects(configOf(a).get({ linearizable: true }), "INVALID_DATA", "not-applied")).message,
          why,
        );
        await rejects(
          configOf(a).update(() => ({ max: 2 })),
          "INVALID_DATA",
          "not-applied",
        );
      }
      await configOf(a).set({ max: 2 });
      await kit.until("the value", soonMs(kit), () => live.value?.max === 2 && live.problem === undefined);
      live.close();
    },
  );

  test("CFG-4", "a live value may begin with what is not valid", async (kit) => {
    const [a, b] = await pair(kit);
    await a.coordinator.create(path, "{}", { parents: true });
    const live = await configOf(b).live();
    assert.deepEqual([live.value, live.problem?.code, live.stale], [undefined, "INVALID_DATA", false]);
    await configOf(a).set({ max: 2 });
    await kit.until("the value", soonMs(kit), () => live.value?.max === 2 && live.problem === undefined);
    live.close();
    live.close();
  });
});
