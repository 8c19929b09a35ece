import assert from "node:assert/strict";
import { ConclaveError } from "@conclave/api";
import type { Kit } from "../kit.js";
import { suite } from "../suite.js";
import { directory, web } from "./discovery.js";
import { type Follower, follow, loseSession, over, range, soonMs, steady } from "./support.js";

async function tells(kit: Kit, names: Follower<readonly string[]>, expected: string): Promise<void> {
  await kit
    .until(`the names "${expected}"`, soonMs(kit), () => names.last?.join(" ") === expected)
    .catch((error: Error) => {
      throw new Error(`${error.message}; they are "${names.last?.join(" ")}"`);
    });
}

const named = (name: string, id = "one") => ({ ...web(id, 1), name });

export const discoveryNames = suite("discovery: names of services", (test) => {
  test("DISC-7", "a service is listed from its first instance to its last", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const services = a.coordinator.discovery(directory);
    const names = follow(kit, b.coordinator.discovery(directory).watchNames());
    const list = async () => (await b.coordinator.discovery(directory).names()).join(" ");
    await tells(kit, names, "");
    assert.equal(await list(), "", "of a directory that does not exist");
    const webs = [await services.register(named("web")), await services.register(named("web", "two"))];
    assert.equal(await list(), "web", "a name stands when register resolves");
    const db = await services.register(named("db"));
    assert.equal(await list(), "db web");
    await tells(kit, names, "db web");
    await webs[0]?.unregister();
    assert.equal(await list(), "db web");
    await webs[1]?.unregister();
    assert.equal(await list(), "db", "its node stays, and is not listed");
    await tells(kit, names, "db");
    await db.unregister();
    await tells(kit, names, "");
    await services.register(named("web"));
    await tells(kit, names, "web");
    assert.equal(await list(), "web");
    const told = names.values.map((each) => each.join(" "));
    for (const [index, each] of told.entries()) assert.notEqual(each, told[index - 1], "told twice");
  });

  test("DISC-7", "a service whose node is deleted and made again is followed", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const names = follow(kit, b.coordinator.discovery(directory).watchNames());
    for (const _ of range(3)) {
      const registration = await a.coordinator.discovery(directory).register(named("web"));
      await tells(kit, names, "web");
      await registration.unregister();
      await tells(kit, names, "");
      await a.coordinator.delete(`${directory}/web`);
    }
  });

  test("DISC-7", "watching ends by return, signal and the coordinator's end", async (kit) => {
    const { coordinator } = await kit.client();
    const services = coordinator.discovery(directory);
    const controller = new AbortController();
    const aborted = follow(kit, services.watchNames({ signal: controller.signal }));
    const closed = follow(kit, services.watchNames());
    await tells(kit, aborted, "");
    await tells(kit, closed, "");
    controller.abort();
    assert.equal((await kit.within("the end", soonMs(kit), aborted.ended)).error, undefined);
    const iterator = services.watchNames()[Symbol.asyncIterator]();
    await iterator.next();
    const pending = iterator.next();
    await iterator.return?.();
    assert.deepEqual(await kit.within("the end", soonMs(kit), pending), { done: true, value: undefined });
    await coordinator.close();
    const { error } = await kit.within("the end", soonMs(kit), closed.ended);
    assert.ok(ConclaveError.is(error, "CLOSED"), String(error));
  });

  test(
    "DISC-7",
    "names are followed across the loss of the watcher's session, and of the instances' own",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [client, owner, writer] = [await kit.client(), await kit.client(), await kit.client(steady(kit))];
      const services = writer.coordinator.discovery(directory);
      const names = follow(kit, client.coordinator.discovery(directory).watchNames());
      await owner.coordinator.discovery(directory).register(named("owned"));
      const web = await services.register(named("web"));
      await tells(kit, names, "owned web");
      await client.link.refuse();
      await over(kit, client.session);
      await services.register(named("db"));
      await web.unregister();
      assert.equal(names.last?.join(" "), "owned web", "the last known names are kept");
      await client.link.heal();
      await tells(kit, names, "db owned");
      // Its session goes, and its entry with it; both come back.
      await owner.link.refuse();
      await over(kit, owner.session);
      await tells(kit, names, "db");
      await owner.link.heal();
      await tells(kit, names, "db owned");
      await loseSession(kit, client);
      await services.register(named("web"));
      await tells(kit, names, "db owned web");
    },
  );
});
