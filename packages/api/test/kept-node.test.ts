import { describe, expect, test } from "vitest";
import { memoryStore, stateOf } from "./support.js";

const web = (port: number) => ({ name: "web", id: "one", address: "h", port });

async function setup() {
  const store = memoryStore();
  const [{ coordinator, faults }, observer] = [await store.join(), await store.join()];
  const directory = coordinator.discovery("/d");
  const port = async () => {
    const node = await store.now(observer.coordinator.get("/d/web/one"));
    return node && JSON.parse(new TextDecoder().decode(node.data)).port;
  };
  return { ...store, coordinator, faults, observer, directory, port };
}

describe("an entry that is kept", () => {
  test("DISC-1: withdrawing it again removes nothing of a later registration of its id", async () => {
    const { now, clock, directory, coordinator, port } = await setup();
    const earlier = await now(directory.register(web(1)));
    await now(earlier.unregister());
    const later = await now(directory.register(web(2)));
    await now(earlier.unregister());
    expect(await port()).toBe(2);
    const [first, again] = [later.unregister(), later.unregister()];
    const last = directory.register(web(3));
    await now(Promise.all([first, again, last]));
    expect(await port()).toBe(3);

    const group = coordinator.group("/g");
    const membership = await now(group.join({ id: "one" }));
    await now(membership.leave());
    await now(group.join({ id: "one" }));
    await now(membership.leave());
    await clock.advance(1_000);
    expect(await now(group.members())).toHaveLength(1);
  });

  test("DISC-1: after a withdrawal that failed, another try removes nothing of a later registration", async () => {
    const store = memoryStore();
    let isFailing = false;
    const { coordinator } = await store.join((session) => {
      const get = session.get.bind(session);
      session.get = async (path, options) => {
        if (isFailing) throw new Error("out of order");
        return get(path, options);
      };
    });
    const directory = coordinator.discovery("/d");
    const earlier = await store.now(directory.register(web(1)));
    isFailing = true;
    await expect(store.now(earlier.unregister())).rejects.toMatchObject({ code: "STORE_ERROR" });
    isFailing = false;
    const later = await store.now(directory.register(web(2)));
    await store.now(earlier.unregister());
    expect(await store.now(coordinator.exists("/d/web/one"))).toBe(true);
    await store.now(later.unregister());
    expect(await store.now(coordinator.exists("/d/web/one"))).toBe(false);
  });

  test("DISC-1: one that is replaced before it ever stood rejects", async () => {
    const { now, clock, directory, coordinator, port, faults } = await setup();
    const [earlier, later] = [directory.register(web(1)), directory.register(web(2))];
    await expect(now(earlier)).rejects.toMatchObject({ code: "CLOSED", path: "/d/web/one" });
    await now(later);
    expect(await port()).toBe(2);
    faults.refuse();
    const group = coordinator.group("/g");
    const [first, second] = [group.join({ id: "one" }), group.join({ id: "one" })];
    const states = [stateOf(first), stateOf(second)];
    faults.accept();
    await clock.advance(1_000);
    expect(states.map(({ now }) => now)).toEqual(["CLOSED", "resolved"]);
  });

  test("DISC-1: an update that never shows, since its entry was replaced or its coordinator closed meanwhile, rejects", async () => {
    const { now, clock, directory, coordinator, faults, port } = await setup();
    const replaced = await now(directory.register(web(1)));
    faults.refuse();
    const first = stateOf(replaced.update({ port: 2 }));
    const registering = directory.register(web(3));
    faults.accept();
    await clock.advance(1_000);
    const closed = await now(registering);
    expect(await port()).toBe(3);
    faults.refuse();
    const second = stateOf(closed.update({ port: 4 }));
    const closing = coordinator.close();
    await clock.advance(3_000);
    await closing;
    expect([first.now, second.now]).toEqual(["CLOSED", "CLOSED"]);
  });

  test("DISC-1: a node that no session holds is not replaced, and what it holds is not lost", async () => {
    const { now, clock, directory, coordinator, observer } = await setup();
    await now(observer.coordinator.create("/d/web/one", "precious", { parents: true }));
    await expect(now(directory.register(web(1)))).rejects.toMatchObject({
      code: "NODE_EXISTS",
      path: "/d/web/one",
    });
    const joining = stateOf(coordinator.group("/d/web").join({ id: "one" }));
    await clock.advance(5_000);
    expect(joining.now).toBe("NODE_EXISTS");
    const node = await now(observer.coordinator.get("/d/web/one"));
    expect(new TextDecoder().decode(node?.data)).toBe("precious");
  });
});
