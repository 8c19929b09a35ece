import type { Coordinator } from "@conclave/api";
import { describe, expect, test } from "vitest";
import { memoryStore, reading, refusing } from "./support.js";

const path = "/d/web/one";

function setup() {
  const store = memoryStore();
  const { now } = store;
  const register = (coordinator: Coordinator, port: number, metadata?: Record<string, unknown>) =>
    now(
      coordinator.discovery("/d").register({
        name: "web",
        id: "one",
        address: "h",
        port,
        ...(metadata && { metadata }),
      }),
    );
  const entry = async (coordinator: Coordinator) => {
    const node = await now(coordinator.get(path));
    return node && { owner: node.ephemeralOwner, ...JSON.parse(new TextDecoder().decode(node.data)) };
  };
  return { ...store, register, entry };
}

describe("registration", () => {
  test("DISC-1: withdrawing leaves an entry alone that another process puts in its place meanwhile", async () => {
    const { clock, join, register, entry } = setup();
    const [first, second] = [await join(), await join()];
    const registration = await register(first.coordinator, 1);
    first.faults.delay(10);
    const withdrawing = registration.unregister();
    // It has read its own entry by now, and the removal is on its way.
    await clock.advance(25);
    await register(second.coordinator, 2);
    await clock.advance(50);
    await withdrawing;
    expect(await entry(second.coordinator)).toMatchObject({ port: 2 });
    await clock.advance(60_000);
    expect(await entry(second.coordinator)).toMatchObject({ port: 2 });
  });

  test("DISC-1: updating never writes into an entry that another process puts in its place meanwhile", async () => {
    const { clock, join, register, entry } = setup();
    const [first, second] = [await join(), await join()];
    const registration = await register(first.coordinator, 1);
    first.faults.delay(10);
    const updating = registration.update({ port: 11 });
    // It has read its own entry by now, and the new payload is on its way.
    await clock.advance(45);
    await register(second.coordinator, 2);
    await clock.advance(100);
    await updating;
    const owner = (await first.coordinator.session()).id;
    expect(await entry(second.coordinator)).toMatchObject({ owner, port: 11 });
  });

  test("DISC-1: of two registrations of one id in one process the later one speaks, in each later session too", async () => {
    const { clock, join, now, register, entry, loseSession } = setup();
    const [{ coordinator, faults }, observer] = [await join(), await join()];
    await register(coordinator, 1);
    await register(coordinator, 2);
    const view = await now(observer.coordinator.discovery("/d").view("web"));
    const { values, ended } = reading(view);
    // Time between two writes, in which the observer sees what the first one wrote.
    faults.delay(10);
    for (let losses = 0; losses < 3; losses += 1) {
      await loseSession(coordinator);
      expect(await entry(observer.coordinator)).toMatchObject({ port: 2 });
    }
    view.close();
    await clock.advance(0);
    await ended;
    expect(new Set(values.flat().map(({ port }) => port))).toEqual(new Set([2]));
  });

  test("DISC-1: withdrawing or updating the earlier one of them changes nothing", async () => {
    const { join, now, register, entry } = setup();
    const { coordinator } = await join();
    const [earlier, later] = [await register(coordinator, 1), await register(coordinator, 2)];
    await expect(now(earlier.update({ port: 3 }))).rejects.toMatchObject({ code: "CLOSED" });
    await now(earlier.unregister());
    expect(await entry(coordinator)).toMatchObject({ port: 2 });
    expect(earlier.sessionId).toBeUndefined();
    expect(later.sessionId).toBe((await coordinator.session()).id);
    await now(later.unregister());
    expect(await entry(coordinator)).toBeUndefined();
  });

  test("DISC-2: withdrawing an entry a second time leaves a later one of its id alone", async () => {
    const { join, now, register, entry } = setup();
    const { coordinator } = await join();
    const earlier = await register(coordinator, 1);
    await now(earlier.unregister());
    await register(coordinator, 2);
    await now(earlier.unregister());
    expect(await entry(coordinator)).toMatchObject({ port: 2 });
  });

  test("OUT-4: given up, an entry goes though the store fails to remove it at first", async () => {
    const { clock, join, now, entry } = setup();
    const { prepare, refusals } = refusing("delete", 3);
    const [{ coordinator, faults }, observer] = [await join(prepare), await join()];
    faults.delay(10);
    const stop = new AbortController();
    const registering = coordinator
      .discovery("/d")
      .register({ name: "web", id: "one", address: "h", port: 1 }, { signal: stop.signal });
    registering.catch(() => {});
    // It stands by now, and the reply is on its way.
    await clock.advance(15);
    expect(await entry(observer.coordinator)).toMatchObject({ port: 1 });
    stop.abort();
    await expect(now(registering)).rejects.toMatchObject({ code: "ABORTED" });
    await clock.advance(1_000);
    expect(refusals()).toBe(3);
    expect(await entry(observer.coordinator)).toBeUndefined();
  });

  test("DISC-1: an update that the store refuses rejects, and stands once the store takes it", async () => {
    const { clock, join, now, register, entry } = setup();
    const [{ coordinator }, other] = [await join(), await join()];
    const registration = await register(coordinator, 1);
    await now(other.coordinator.delete(path));
    await now(other.coordinator.delete("/d/web"));
    await now(other.coordinator.create("/d/web", "", { ephemeral: true }));
    const updating = registration.update({ port: 2 });
    let outcome: unknown = "pending";
    updating.catch((error) => {
      outcome = error.code;
    });
    await clock.advance(0);
    expect(outcome).toBe("EPHEMERAL_PARENT");
    await now(other.coordinator.delete("/d/web"));
    await clock.advance(1_000);
    expect(await entry(coordinator)).toMatchObject({ port: 2 });
  });

  test("DISC-2: comes back with the metadata as they were given, whatever the caller did to them since", async () => {
    const { clock, join, register, entry, loseSession } = setup();
    const { coordinator } = await join();
    const metadata: Record<string, unknown> = { v: 1 };
    await register(coordinator, 1, metadata);
    metadata.v = 2;
    await loseSession(coordinator);
    expect(await entry(coordinator)).toMatchObject({ payload: { v: 1 } });
    metadata.self = metadata;
    await loseSession(coordinator);
    await clock.advance(1_000);
    expect(await entry(coordinator)).toMatchObject({ payload: { v: 1 } });
  });

  test("DISC-1: an update of the port leaves the metadata as they were given, whatever the caller did to them since", async () => {
    const { join, now, register, entry } = setup();
    const { coordinator } = await join();
    const metadata = { v: 1 };
    const registration = await register(coordinator, 1, metadata);
    metadata.v = 2;
    await now(registration.update({ port: 2 }));
    expect(await entry(coordinator)).toMatchObject({ port: 2, payload: { v: 1 } });
    expect(registration.instance.metadata).toEqual({ v: 1 });
  });

  test("DISC-3: what one reader does to what it is given, others do not see", async () => {
    const { join, now, register } = setup();
    const { coordinator } = await join();
    await register(coordinator, 1, { v: { w: 1 } });
    const view = await now(coordinator.discovery("/d").view("web"));
    const [instance] = view.instances;
    const metadata = instance?.metadata as { v: { w: number } };
    expect(() => Object.assign(metadata.v, { w: 2 })).toThrow(TypeError);
    expect(() => Object.assign(instance ?? {}, { port: 2 })).toThrow(TypeError);
    expect(() => (view.instances as unknown[]).pop()).toThrow(TypeError);
    expect(view.pick()).toEqual({ name: "web", id: "one", address: "h", port: 1, metadata: { v: { w: 1 } } });
  });

  test("a mistake is told by the name of the call and by what was given", async () => {
    const { join, now, register } = setup();
    const { coordinator } = await join();
    const registration = await register(coordinator, 1);
    const directory = coordinator.discovery("/d");
    const given = (change: object) =>
      now(directory.register({ name: "web", address: "h", port: 1, ...change })).catch((error) => error);
    expect(await now(registration.update({ port: 0 })).catch((error) => error)).toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "update: port must be a whole number from 1 to 65535, not 0",
    });
    expect(await given({ address: Object.create(null) })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await given({ port: Symbol("p") })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await given({ metadata: () => 1 })).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await given({ metadata: 1n })).toMatchObject({ code: "INVALID_ARGUMENT" });
    for (const odd of [5n, Symbol("n"), null, {}, "", "a/b", "..", ".", "\u0000", "x".repeat(1_000)]) {
      expect(await given({ id: odd }), String(odd)).toMatchObject({ code: "INVALID_PATH" });
      expect(await given({ name: odd }), String(odd)).toMatchObject({ code: "INVALID_PATH" });
    }
    for (const fine of ["ü", "...", "a b", "__proto__", "constructor", "日本"]) {
      await now(directory.register({ name: "odd", id: fine, address: "h", port: 1 }));
    }
    const view = await now(directory.view("odd"));
    expect(view.instances).toHaveLength(6);
  });
});
