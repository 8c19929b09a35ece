import { ConclaveError, type ServiceView } from "@conclave/api";
import type { BackendSession, ChildNodesSink } from "@conclave/api/backend";
import { describe, expect, test } from "vitest";
import { memoryStore, reading } from "./support.js";

const web = (id: string, port = 1) => ({ name: "web", id, address: "h", port });
const ids = (view: ServiceView) => view.instances.map(({ id }) => id).sort();

/** A store, and the sinks of every watch of children by the clients that are prepared so: a watch can be made to fail. */
function setup() {
  const sinks: ChildNodesSink[] = [];
  const prepare = (session: BackendSession) => {
    const watch = session.watchChildNodes.bind(session);
    session.watchChildNodes = (path, sink) => {
      sinks.push(sink);
      return watch(path, sink);
    };
  };
  const failure = () => new ConclaveError("STORE_ERROR", "leader changed");
  return { ...memoryStore(), sinks, prepare, failure };
}

describe("service view", () => {
  test("DISC-3: after a passing failure of its watch it is stale, and converges by itself", async () => {
    const { clock, join, now, sinks, prepare, failure } = setup();
    const [reader, writer] = [await join(prepare), await join()];
    const view = await now(reader.coordinator.discovery("/d").view("web"));
    const directory = writer.coordinator.discovery("/d");
    await now(directory.register(web("one")));
    sinks[0]?.failed(failure());
    expect(view.stale).toBe(true);
    expect(ids(view)).toEqual(["one"]);
    await now(directory.register(web("two")));
    await clock.advance(1_000);
    expect(ids(view)).toEqual(["one", "two"]);
    expect(view.stale).toBe(false);
    expect(sinks).toHaveLength(2);
  });

  test("DISC-3: a loop over it goes on across such a failure and across the loss of the session", async () => {
    const { clock, join, now, loseSession, sinks, prepare, failure } = setup();
    const [reader, writer] = [await join(prepare), await join()];
    const view = await now(reader.coordinator.discovery("/d").view("web"));
    const { values, ended } = reading(view);
    await clock.advance(0);
    sinks[0]?.failed(failure());
    await loseSession(reader.coordinator);
    await now(writer.coordinator.discovery("/d").register(web("one")));
    expect(values.at(-1)).toHaveLength(1);
    view.close();
    expect(await ended).toBeUndefined();
  });

  test("DISC-3: back in contact it is stale until it was read again, however long that takes", async () => {
    const { clock, join, now } = setup();
    const held: (() => void)[] = [];
    let isHolding = false;
    const [reader, writer] = [
      await join((session) => {
        const watch = session.watchChildNodes.bind(session);
        session.watchChildNodes = (path, sink) => {
          const snapshot = sink.snapshot.bind(sink);
          sink.snapshot = (children) => {
            if (isHolding) held.push(() => snapshot(children));
            else snapshot(children);
          };
          return watch(path, sink);
        };
      }),
      await join(),
    ];
    const view = await now(reader.coordinator.discovery("/d").view("web"));
    const session = await reader.coordinator.session();
    isHolding = true;
    reader.faults.refuse();
    await now(writer.coordinator.discovery("/d").register(web("one")));
    reader.faults.accept();
    await clock.advance(10);
    expect(session.state).toBe("connected");
    expect(held).toHaveLength(1);
    expect(view.stale).toBe(true);
    let isReady = false;
    const ready = view.waitFor(1).then(() => {
      isReady = true;
    });
    await clock.advance(10);
    expect(isReady).toBe(false);
    for (const deliver of held.splice(0)) deliver();
    expect(view.stale).toBe(false);
    await now(ready);
  });

  test("DISC-3: while its watch keeps failing it asks no more often, however often contact was in doubt", async () => {
    const { clock, join, now, failure } = setup();
    let isFailing = false;
    let watches = 0;
    let first: ChildNodesSink | undefined;
    const { coordinator, faults } = await join((session) => {
      const watch = session.watchChildNodes.bind(session);
      session.watchChildNodes = (path, sink) => {
        watches += 1;
        first ??= sink;
        if (!isFailing) return watch(path, sink);
        queueMicrotask(() => sink.failed(failure()));
        return () => {};
      };
    });
    const view = await now(coordinator.discovery("/d").view("web"));
    isFailing = true;
    first?.failed(failure());
    const within = async (ms: number) => {
      watches = 0;
      await clock.advance(ms);
      return watches;
    };
    const before = await within(30_000);
    for (let n = 0; n < 20; n += 1) {
      faults.refuse();
      await clock.advance(200);
      faults.accept();
      await clock.advance(500);
    }
    await clock.advance(10_000);
    expect(await within(30_000)).toBeLessThanOrEqual(before + 1);
    view.close();
  });

  test("DISC-3: when contact was in doubt and never broke, it sets its watch anew", async () => {
    const { clock, join, now, sinks, prepare } = setup();
    let isFailing = false;
    const { coordinator } = await join((session) => {
      prepare(session);
      const renew = session.renew.bind(session);
      session.renew = async (timeoutMs) => {
        if (isFailing) throw new ConclaveError("STORE_ERROR", "too many requests");
        return renew(timeoutMs);
      };
    });
    const view = await now(coordinator.discovery("/d").view("web"));
    const session = await coordinator.session();
    isFailing = true;
    await clock.advanceUntil(() => session.state === "suspended");
    expect(view.stale).toBe(true);
    isFailing = false;
    await clock.advanceUntil(() => session.state === "connected");
    expect(sinks).toHaveLength(1);
    await clock.advanceUntil(() => !view.stale, { withinMs: 2 * session.timeoutMs });
    expect(sinks).toHaveLength(2);
  });

  test("DISC-6: what waitFor resolves with is enough, even if it is overtaken at once", async () => {
    const { join, now, sinks, prepare } = setup();
    const { coordinator } = await join(prepare);
    const view = await now(coordinator.discovery("/d").view("web"));
    const waiting = view.waitFor(1);
    await now(Promise.resolve());
    const node = {
      path: "/d/web/one",
      data: new TextEncoder().encode('{"address":"h","port":1}'),
      version: 0,
      createRevision: 100n,
      modRevision: 100n,
      ephemeralOwner: "x",
    };
    // As a store may report at one go what came and went.
    sinks[0]?.changed({ name: "one", sequence: undefined, node });
    sinks[0]?.removed("one");
    expect(await now(waiting)).toHaveLength(1);
    expect(view.instances).toHaveLength(0);
  });

  test("a change costs no requests and one notification, however many instances there are", async () => {
    const costs: string[] = [];
    for (const n of [1, 10, 100, 1_000]) {
      const { cluster, join, now } = setup();
      const [reader, writer] = [await join(), await join()];
      const directory = writer.coordinator.discovery("/d");
      await Promise.all(Array.from({ length: n }, (_, i) => now(directory.register(web(`i${i}`)))));
      const view = await now(reader.coordinator.discovery("/d").view("web"));
      const changes = reading(view.changes());
      await now(Promise.resolve());
      const { requests } = cluster;
      const cost = async (change: () => Promise<unknown>) => {
        requests.reset();
        await now(change());
        return `${requests.total} ${requests.notifications}`;
      };
      expect(changes.values).toHaveLength(n);
      const added = await cost(() => writer.coordinator.create("/d/web/x", '{"address":"h","port":1}'));
      const updated = await cost(() => writer.coordinator.set("/d/web/x", '{"address":"h","port":2}'));
      const removed = await cost(() => writer.coordinator.delete("/d/web/x"));
      expect(changes.values.slice(n).map(({ type }) => type)).toEqual(["added", "updated", "removed"]);
      costs.push([added, updated, removed].join());
    }
    // The one request is the writer's own.
    expect(new Set(costs)).toEqual(new Set(["1 1,1 1,1 1"]));
  });

  test("instances are the same array until something changes, and what did not change is the same object", async () => {
    const { join, now } = setup();
    const { coordinator } = await join();
    const directory = coordinator.discovery("/d");
    const registration = await now(directory.register(web("one")));
    await now(directory.register(web("two")));
    const view = await now(directory.view("web"));
    const before = view.instances;
    expect(view.instances).toBe(before);
    await now(registration.update({ port: 2 }));
    expect(view.instances).not.toBe(before);
    const two = (all: readonly { readonly id: string }[]) => all.find(({ id }) => id === "two");
    expect(two(view.instances)).toBe(two(before));
  });

  test("OUT-4: waits and loops that were given up, and views that were closed, leave nothing behind", async () => {
    const { clock, cluster, join, now, loseSession } = setup();
    const { coordinator } = await join();
    const { pending } = clock;
    const nodes = cluster.nodes;
    const directory = coordinator.discovery("/d");
    const group = coordinator.group("/g");
    const controller = new AbortController();
    const { signal } = controller;
    const views = [await now(directory.view("web", { signal })), await now(group.view({ signal }))];
    const loops = [
      ...views.map((view) => reading<unknown>(view.changes({ signal }))),
      reading(directory.watchNames({ signal })),
    ];
    const waits = views.map((view) => view.waitFor(1, { signal, timeoutMs: 60_000 }));
    const codes = Promise.all(waits.map((wait) => wait.catch((error) => error.code)));
    await clock.advance(0);
    controller.abort();
    expect(await now(codes)).toEqual(["ABORTED", "ABORTED"]);
    for (const { ended } of loops) expect(await now(ended)).toBeUndefined();
    for (const view of views) view.close();
    cluster.requests.reset();
    await loseSession(coordinator);
    await clock.advance(0);
    // Of what there was, nothing asks for anything in the next session.
    expect(cluster.requests.of("watch")).toBe(0);
    expect(cluster.nodes).toBe(nodes);
    expect(clock.pending).toBe(pending);
  });

  test("OUT-4: with a signal that has aborted, nothing is asked of the store", async () => {
    const { cluster, join, now } = setup();
    const { coordinator } = await join();
    const options = { signal: AbortSignal.abort() };
    const [directory, group] = [coordinator.discovery("/d"), coordinator.group("/g")];
    cluster.requests.reset();
    for (const call of [
      () => directory.register(web("one"), options),
      () => directory.view("web", options),
      () => directory.names(options),
      () => group.join({ id: "one", ...options }),
      () => group.view(options),
      () => group.members(options),
    ] as const) {
      await expect(now<unknown>(call())).rejects.toMatchObject({ code: "ABORTED" });
    }
    expect(cluster.requests.total).toBe(0);
  });

  test("DISC-7: a passing failure of the watch of a service ends no watch of names", async () => {
    const { clock, join, now, failure } = setup();
    let failures = 0;
    const [reader, writer] = [
      await join((session) => {
        const watch = session.watchChildren.bind(session);
        session.watchChildren = (path, sink) => {
          if (path !== "/d/web" || failures === 2) return watch(path, sink);
          failures += 1;
          queueMicrotask(() => sink.failed(failure()));
          return () => {};
        };
      }),
      await join(),
    ];
    const names = reading(reader.coordinator.discovery("/d").watchNames());
    await now(writer.coordinator.discovery("/d").register(web("one")));
    await clock.advance(1_000);
    expect(names.values.at(-1)).toEqual(["web"]);
    expect(failures).toBe(2);
    await now(reader.coordinator.close());
    expect(await names.ended).toMatchObject({ code: "CLOSED" });
  });
});
