import assert from "node:assert/strict";
import { ConclaveError, type Coordinator, type Instance, type ServiceView } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit } from "../kit.js";
import { suite } from "../suite.js";
import { childrenAre, follow, range, soonMs, steady, text } from "./support.js";

export const directory = "/services";

export function ports(instances: readonly Pick<Instance, "id" | "port">[]): string {
  return instances
    .map(({ id, port }) => `${id}:${port}`)
    .sort()
    .join(" ");
}

/** Waits until a view shows exactly these instances, as `id:port`. */
export async function shows(kit: Kit, view: ServiceView, expected: string): Promise<void> {
  await kit
    .until(`the view shows "${expected}"`, soonMs(kit), () => ports(view.instances) === expected)
    .catch((error: Error) => {
      throw new Error(`${error.message}; it shows "${ports(view.instances)}"`);
    });
}

export function web(id: string, port: number) {
  return { name: "web", id, address: "10.0.0.7", port };
}

/** The entries of the service as the store has them. */
export async function entries(coordinator: Coordinator): Promise<string> {
  const children = (await coordinator.exists(`${directory}/web`, { linearizable: true }))
    ? await coordinator.childNodes(`${directory}/web`, { linearizable: true })
    : [];
  return ports(
    children.map(({ name, node }) => ({ ...(JSON.parse(text(node) ?? "") as Instance), id: name })),
  );
}

export const discovery = suite("discovery", (test) => {
  test("DISC-1", "an instance is registered, updated and withdrawn, one entry at any time", async (kit) => {
    const [a, b] = [await kit.client(), await kit.client()];
    const view = await b.coordinator.discovery(directory).view("web");
    assert.equal(view.instances.length, 0);
    assert.equal(view.pick(), undefined);
    const registration = await a.coordinator
      .discovery(directory)
      .register({ ...web("one", 80), metadata: { zone: "a", weights: [1, 2] } });
    assert.equal(registration.sessionId, a.session.id);
    assert.equal(await entries(a.coordinator), "one:80", "it stands when register resolves");
    assert.equal((await a.session.get(`${directory}/web/one`))?.ephemeralOwner, a.session.id);
    await shows(kit, view, "one:80");
    assert.deepEqual(view.instances, [
      { name: "web", id: "one", address: "10.0.0.7", port: 80, metadata: { zone: "a", weights: [1, 2] } },
    ]);
    await registration.update({ port: 81 });
    assert.equal(await entries(a.coordinator), "one:81");
    await registration.update({ metadata: "other", address: "10.0.0.8" });
    await shows(kit, view, "one:81");
    await kit.until("the latest payload", soonMs(kit), () => view.instances[0]?.metadata === "other");
    assert.equal(view.instances[0]?.address, "10.0.0.8");
    assert.deepEqual(registration.instance, view.instances[0]);
    await registration.unregister();
    assert.equal(await entries(a.coordinator), "");
    assert.equal(registration.sessionId, undefined);
    await shows(kit, view, "");
    await registration.unregister();
    await rejects(registration.update({ port: 82 }), "CLOSED");
  });

  test("DISC-1", "instances without an id are told apart, services too", async (kit) => {
    const { coordinator } = await kit.client();
    const services = coordinator.discovery(directory);
    const [first, second] = [
      await services.register({ name: "web", address: "a", port: 1 }),
      await services.register({ name: "web", address: "a", port: 1 }),
    ];
    await services.register({ name: "db", id: first.instance.id, address: "a", port: 2 });
    assert.notEqual(first.instance.id, second.instance.id);
    const [webs, dbs] = [await services.view("web"), await services.view("db")];
    assert.equal(webs.instances.length, 2);
    assert.deepEqual(
      dbs.instances.map(({ port }) => port),
      [2],
    );
    const picked = new Set(range(6).map(() => webs.pick()?.id));
    assert.equal(picked.size, 2, "all have their turn");
  });

  test("DISC-1", "the last of many updates is the one that stays", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    const view = await b.coordinator.discovery(directory).view("web");
    const registration = await a.coordinator.discovery(directory).register(web("one", 1));
    await Promise.all(range(30).map((n) => registration.update({ port: n + 2 })));
    assert.equal(await entries(a.coordinator), "one:31");
    await shows(kit, view, "one:31");
    const withdrawn = [registration.update({ port: 40 }), registration.unregister()];
    await Promise.all(withdrawn);
    assert.equal(await entries(a.coordinator), "");
    await shows(kit, view, "");
  });

  test("DISC-1", "withdrawing an entry again takes nothing from a later one of its id", async (kit) => {
    const [client, observer] = [await kit.client(), await kit.client()];
    const services = client.coordinator.discovery(directory);
    const earlier = await services.register(web("one", 1));
    await earlier.unregister();
    const later = await services.register(web("one", 2));
    await earlier.unregister();
    assert.equal(await entries(observer.coordinator), "one:2");
    await later.unregister();
    assert.equal(await entries(observer.coordinator), "");
    const [first, second] = [services.register(web("one", 3)), services.register(web("one", 4))];
    await rejects(first, "CLOSED");
    await second;
    assert.equal(await entries(observer.coordinator), "one:4");
  });

  test("DISC-1", "a node that no session holds is left alone, and the registration refused", async (kit) => {
    const client = await kit.client();
    const path = `${directory}/web/one`;
    await client.coordinator.create(path, "theirs", { parents: true });
    await rejects(client.coordinator.discovery(directory).register(web("one", 1)), "NODE_EXISTS");
    assert.equal(new TextDecoder().decode((await client.coordinator.get(path))?.data), "theirs");
  });

  test(
    "DISC-1",
    "an entry of the same id from an earlier session is replaced, and its end takes nothing away",
    async (kit) => {
      const [before, after, observer] = [await kit.client(), await kit.client(), await kit.client()];
      const view = await observer.coordinator.discovery(directory).view("web");
      const stale = await before.coordinator.discovery(directory).register(web("one", 1));
      const registration = await after.coordinator.discovery(directory).register(web("one", 2));
      assert.equal(await entries(observer.coordinator), "one:2");
      assert.equal(registration.sessionId, after.session.id);
      await shows(kit, view, "one:2");
      await stale.unregister();
      assert.equal(await entries(observer.coordinator), "one:2", "who was replaced withdraws nothing");
      await before.coordinator.close();
      await kit.sleep(kit.target.sessionTimeoutMs + kit.target.expiryBoundMs);
      assert.equal(await entries(observer.coordinator), "one:2");
      assert.equal(ports(view.instances), "one:2");
    },
  );

  test("DISC-1", "closing the coordinator withdraws all at once", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    const view = await b.coordinator.discovery(directory).view("web");
    for (const n of range(5)) await a.coordinator.discovery(directory).register(web(`i${n}`, n + 1));
    await shows(kit, view, "i0:1 i1:2 i2:3 i3:4 i4:5");
    await a.coordinator.close();
    await childrenAre(kit, b, `${directory}/web`, 0);
    await shows(kit, view, "");
  });

  test("DISC-1", "an entry that the store refuses makes the registration fail, not wait", async (kit) => {
    const { coordinator, session } = await kit.client(steady(kit));
    await session.create(`${directory}/web`, "", { ephemeral: true, parents: true });
    const refused = coordinator.discovery(directory).register(web("one", 1));
    await rejects(kit.within("the refusal", soonMs(kit), refused), "EPHEMERAL_PARENT");
    await session.delete(`${directory}/web`);
    await kit.sleep(kit.target.sessionTimeoutMs);
    assert.equal(await session.exists(`${directory}/web`), false, "nothing of it is tried again");
  });

  test("DISC-1", "wrong arguments are refused, and nothing is registered", async (kit) => {
    const { coordinator } = await kit.client();
    const services = coordinator.discovery(directory);
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    for (const [wrong, code] of [
      [{ name: "a/b" }, "INVALID_PATH"],
      [{ name: "" }, "INVALID_PATH"],
      [{ id: "a/b" }, "INVALID_PATH"],
      [{ id: ".." }, "INVALID_PATH"],
      [{ address: "" }, "INVALID_ARGUMENT"],
      [{ port: 0 }, "INVALID_ARGUMENT"],
      [{ port: 65_536 }, "INVALID_ARGUMENT"],
      [{ port: 1.5 }, "INVALID_ARGUMENT"],
      [{ metadata: circular }, "INVALID_ARGUMENT"],
      [{ metadata: "x".repeat(1_000_000) }, "DATA_TOO_LARGE"],
      [{ surprise: 1 }, "INVALID_ARGUMENT"],
    ] as const) {
      await rejects(services.register({ ...web("one", 1), ...wrong }), code);
    }
    await rejects(services.view("a/b"), "INVALID_PATH");
    const registration = await services.register(web("one", 1));
    await rejects(registration.update({ port: 0 }), "INVALID_ARGUMENT");
    await rejects(registration.update({ metadata: circular }), "INVALID_ARGUMENT");
    assert.equal(registration.instance.port, 1);
    assert.equal(await entries(coordinator), "one:1");
  });

  test(
    "DISC-3",
    "a loop over a view yields the instances now and after changes, and ends with it",
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client()];
      const services = b.coordinator.discovery(directory);
      const view = await services.view("web");
      const [first, second] = [follow(kit, view), follow(kit, view)];
      const failing = (async () => {
        for await (const _ of view) throw new Error("a consumer that fails");
      })();
      await assert.rejects(failing, /a consumer that fails/);
      const registration = await a.coordinator.discovery(directory).register(web("one", 1));
      await registration.update({ port: 2 });
      for (const each of [first, second]) {
        await kit.until("the change", soonMs(kit), () => ports(each.last ?? []) === "one:2");
      }
      view.close();
      for (const { ended } of [first, second]) {
        assert.equal((await kit.within("the end", soonMs(kit), ended)).error, undefined);
      }
      assert.equal(view.stale, true, "a closed view is not up to date any more");
      for await (const _ of view) assert.fail("a closed view yielded something");
      const other = await services.view("web");
      const last = follow(kit, other);
      await b.coordinator.close();
      const { error } = await kit.within("the end", soonMs(kit), last.ended);
      assert.ok(ConclaveError.is(error, "CLOSED"), String(error));
    },
  );

  test("DISC-3", "what is no instance is not shown, and breaks nothing", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    await a.coordinator.create(`${directory}/web`, "", { parents: true });
    const malformed = [
      "",
      "not JSON",
      "null",
      "7",
      "[]",
      "{}",
      '{"address":"a"}',
      '{"address":1,"port":1}',
      '{"port":1}',
      "\ufffd",
    ];
    const bytes = Uint8Array.from([255, 254, 0]);
    for (const [index, data] of [...malformed, bytes].entries()) {
      await a.coordinator.create(`${directory}/web/bad${index}`, data);
    }
    const view = await b.coordinator.discovery(directory).view("web");
    assert.equal(view.instances.length, 0);
    const loop = follow(kit, view);
    await a.coordinator.discovery(directory).register(web("good", 1));
    await shows(kit, view, "good:1");
    await a.coordinator.set(`${directory}/web/bad0`, "still not JSON");
    await a.coordinator.set(`${directory}/web/bad1`, JSON.stringify({ address: "a", port: 2, extra: true }));
    await shows(kit, view, "bad1:2 good:1");
    await a.coordinator.set(`${directory}/web/bad1`, "broken again");
    await shows(kit, view, "good:1");
    await kit.until("the loop goes on", soonMs(kit), () => ports(loop.last ?? []) === "good:1");
  });

  test(
    "DISC-3",
    "keys of other programs in the directory break nothing",
    { needs: ["writeForeign"] },
    async (kit) => {
      const [a, b] = [await kit.client(), await kit.client()];
      await a.coordinator.discovery(directory).register(web("good", 1));
      const view = await b.coordinator.discovery(directory).view("web");
      await kit.target.writeForeign?.(kit.namespace, `${directory}/web`, Uint8Array.from([0, 255]));
      await childrenAre(kit, b, `${directory}/web`, 2);
      await a.coordinator.discovery(directory).register(web("better", 2));
      await shows(kit, view, "better:2 good:1");
    },
  );
});
