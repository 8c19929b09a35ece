import assert from "node:assert/strict";
import type { Change, Instance, PickOptions } from "@conclave/api";
import { ConclaveError } from "@conclave/api";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { directory, ports, shows, web } from "./discovery.js";
import { follow, range, soonMs, steady } from "./support.js";

/** The set that events lead to, each of which must fit the set before it. */
export function replayed<T>(events: readonly Change<T>[]): ReadonlyMap<string, T> {
  const set = new Map<string, T>();
  for (const { type, id, value } of events) {
    assert.equal(set.has(id), type !== "added", `${type} ${id} does not fit what was told before`);
    if (type === "removed") set.delete(id);
    else set.set(id, value);
  }
  return set;
}

export const discoveryViews = suite("discovery: views", (test) => {
  test("DISC-5", "events tell who is there, and then each change, in a few words", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const services = a.coordinator.discovery(directory);
    const first = await services.register(web("one", 1));
    const view = await b.coordinator.discovery(directory).view("web");
    const events = follow(kit, view.changes());
    const told = (count: number) =>
      kit.until(`${count} events`, soonMs(kit), () => events.values.length >= count);
    await told(1);
    await first.update({ port: 2 });
    await told(2);
    const second = await services.register(web("two", 3));
    await told(3);
    await first.unregister();
    await told(4);
    await second.unregister();
    await told(5);
    assert.deepEqual(
      events.values.map(({ type, id, value }) => `${type} ${id}:${value.port}`),
      ["added one:1", "updated one:2", "added two:3", "removed one:2", "removed two:3"],
    );
    assert.deepEqual([...replayed(events.values)], []);
  });

  test("DISC-5", "events of many changes at once lead to what the view shows", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const services = a.coordinator.discovery(directory);
    const view = await b.coordinator.discovery(directory).view("web");
    const quick = follow(kit, view.changes());
    const slow = view.changes()[Symbol.asyncIterator]();
    const read: Change<Instance>[] = [];
    const registrations = await Promise.all(range(12).map((n) => services.register(web(`i${n}`, 1))));
    const begun = await slow.next();
    if (!begun.done) read.push(begun.value);
    await Promise.all(registrations.map((registration, n) => registration.update({ port: n + 10 })));
    await Promise.all(registrations.slice(0, 6).map((registration) => registration.unregister()));
    const left = ports(registrations.slice(6).map(({ instance }) => instance));
    await shows(kit, view, left);
    await kit.until("the events lead there", soonMs(kit), () => {
      return ports([...replayed(quick.values).values()]) === left;
    });
    // What was overtaken before it was read is not told, and costs nothing.
    while (ports([...replayed(read).values()]) !== left) {
      const { done, value } = await kit.within("an event", soonMs(kit), slow.next());
      assert.ok(!done);
      read.push(value);
      assert.ok(read.length <= 13, "an entry was told more often than there was news to tell");
    }
    await slow.return?.();
  });

  test("DISC-5", "events end by return, signal, the view's end and the coordinator's", async (kit) => {
    const { coordinator } = await kit.client();
    const services = coordinator.discovery(directory);
    const [first, second] = [await services.view("web"), await services.view("web")];
    const controller = new AbortController();
    const aborted = follow(kit, first.changes({ signal: controller.signal }));
    const closed = follow(kit, first.changes());
    const over = follow(kit, second.changes());
    const returned = first.changes()[Symbol.asyncIterator]();
    const pending = returned.next();
    await returned.return?.();
    assert.deepEqual(await kit.within("the end", soonMs(kit), pending), { done: true, value: undefined });
    controller.abort();
    assert.equal((await kit.within("the end", soonMs(kit), aborted.ended)).error, undefined);
    first.close();
    assert.equal((await kit.within("the end", soonMs(kit), closed.ended)).error, undefined);
    for await (const _ of first.changes()) assert.fail("a closed view yielded an event");
    await coordinator.close();
    const { error } = await kit.within("the end", soonMs(kit), over.ended);
    assert.ok(ConclaveError.is(error, "CLOSED"), String(error));
  });

  test("DISC-6", "waitFor resolves once so many instances are there, and not before", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const services = a.coordinator.discovery(directory);
    const view = await b.coordinator.discovery(directory).view("web");
    let ready: readonly Instance[] | undefined;
    const waiting = view.waitFor(3).then((instances) => {
      ready = instances;
    });
    await services.register(web("one", 1));
    await services.register(web("two", 2));
    await shows(kit, view, "one:1 two:2");
    assert.equal(ready, undefined);
    await services.register(web("three", 3));
    await kit.within("three instances", soonMs(kit), waiting);
    assert.equal(ports(ready ?? []), "one:1 three:3 two:2");
    assert.equal((await view.waitFor(1)).length, 3, "more than enough is enough");
  });

  test("DISC-6", "waitFor is given up by its signal, its time limit and the end of the view", async (kit) => {
    const { coordinator } = await kit.client();
    const view = await coordinator.discovery(directory).view("web");
    const controller = new AbortController();
    const aborted = rejects(view.waitFor(1, { signal: controller.signal }), "ABORTED");
    controller.abort();
    await kit.within("giving up", soonMs(kit), aborted);
    await kit.within("the limit", soonMs(kit), rejects(view.waitFor(1, { timeoutMs: 10 }), "TIMEOUT"));
    const closed = rejects(view.waitFor(1), "CLOSED");
    view.close();
    await kit.within("the end", soonMs(kit), closed);
    await rejects(view.waitFor(1), "CLOSED");
    for (const n of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "3", undefined]) {
      await rejects(view.waitFor(n as number), "INVALID_ARGUMENT");
    }
  });

  test("DISC-8", "every strategy picks among those that are there", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const services = a.coordinator.discovery(directory);
    const view = await b.coordinator.discovery(directory).view("web");
    const sticky = (key: string): PickOptions => ({ strategy: "sticky", key });
    assert.equal(view.pick({ strategy: "random" }), undefined);
    assert.equal(view.pick(sticky("k")), undefined);
    const registrations = await Promise.all(range(5).map((n) => services.register(web(`i${n}`, n + 1))));
    await shows(kit, view, "i0:1 i1:2 i2:3 i3:4 i4:5");
    const picks = (count: number, options?: PickOptions) => range(count).map(() => view.pick(options)?.id);
    assert.equal(new Set(picks(5)).size, 5, "each has its turn once in a round");
    assert.equal(new Set(picks(5, { strategy: "least-recently-failed" })).size, 5);
    assert.equal(new Set(picks(400, { strategy: "random" })).size, 5);
    const keys = range(200).map((n) => `key ${n}`);
    const before = keys.map((key) => view.pick(sticky(key))?.id);
    assert.deepEqual(
      keys.map((key) => view.pick(sticky(key))?.id),
      before,
    );
    await registrations[2]?.unregister();
    await shows(kit, view, "i0:1 i1:2 i3:4 i4:5");
    for (const [n, key] of keys.entries()) {
      const id = view.pick(sticky(key))?.id;
      if (before[n] !== "i2") assert.equal(id, before[n], "a key moved whose instance stayed");
    }
    assert.equal(picks(8).includes("i2"), false);
  });

  test("DISC-8", "an instance that failed is avoided for a time that grows, and comes back", async (kit) => {
    const { coordinator } = await kit.client(steady(kit));
    const services = coordinator.discovery(directory);
    for (const id of ["one", "two"]) await services.register(web(id, 1));
    const view = await services.view("web", { downMs: 100, maxDownMs: 60_000 });
    await shows(kit, view, "one:1 two:1");
    const isPicked = () => range(2).some(() => view.pick()?.id === "one");
    for (const downMs of [100, 200, 400]) {
      const failedAtMs = kit.clock.now();
      view.failed({ id: "one" });
      assert.equal(isPicked(), false);
      await kit.until("it comes back", downMs + soonMs(kit), isPicked);
      const awayMs = kit.clock.now() - failedAtMs;
      assert.ok(awayMs >= downMs, `back after ${awayMs} of ${downMs} ms`);
    }
    view.failed({ id: "one" });
    view.succeeded({ id: "one" });
    assert.equal(isPicked(), true);
    view.failed({ id: "one" });
    view.failed({ id: "two" });
    assert.equal(isPicked(), true, "when all are down, none is avoided");
    assert.equal(view.pick({ strategy: "least-recently-failed" })?.id, "one");
  });

  test("DISC-8", "what cannot be meant is refused", async (kit) => {
    const { coordinator } = await kit.client();
    const services = coordinator.discovery(directory);
    const view = await services.view("web");
    const wrong: readonly unknown[] = [
      null,
      7,
      { strategy: "fastest" },
      { strategy: 7 },
      { strategy: "sticky" },
      { strategy: "sticky", key: 7 },
      { key: "k" },
      { strategy: "random", key: "k" },
      { stategy: "random" },
    ];
    for (const options of wrong)
      await rejects((async () => view.pick(options as object))(), "INVALID_ARGUMENT");
    for (const instance of [undefined, null, "one", {}, { id: 7 }]) {
      await rejects((async () => view.failed(instance as never))(), "INVALID_ARGUMENT");
      await rejects((async () => view.succeeded(instance as never))(), "INVALID_ARGUMENT");
    }
    for (const times of [{ downMs: 0 }, { downMs: "1" }, { downMs: 10, maxDownMs: 9 }, { maxDownMs: null }]) {
      await rejects(services.view("web", times as object), "INVALID_ARGUMENT");
    }
  });
});
