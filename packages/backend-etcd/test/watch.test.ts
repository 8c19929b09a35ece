import type { Node } from "@conclave/api/backend";
import { compact } from "@conclave/backend-etcd/testing";
import { Etcd3 } from "etcd3";
import { describe, expect, test } from "vitest";
import { create, eventually, Listing, linearizable, remove, requests, set, setUp, text } from "./helpers.js";

const setting = setUp();

/** Collects what a node's watch tells, and that it never goes back. */
class States {
  readonly all: (Node | undefined)[] = [];
  readonly failures: Error[] = [];
  highest = 0n;

  get last(): Node | undefined {
    return this.all.at(-1);
  }

  state(node: Node | undefined): void {
    if (node !== undefined) {
      expect(node.modRevision).toBeGreaterThanOrEqual(this.highest);
      this.highest = node.modRevision;
    }
    this.all.push(node);
  }

  failed(error: Error): void {
    this.failures.push(error);
  }
}

describe("a node's watch", () => {
  test("tells the state, then every last state", async () => {
    const { session } = await setting.open();
    const states = new States();
    const stop = session.watchNode("/n", states);
    await eventually(() => expect(states.all).toEqual([undefined]));
    await session.commit([create("/n")], undefined);
    await eventually(() => expect(states.last).toMatchObject({ version: 0 }));
    await session.commit([set("/n", "x")], undefined);
    await eventually(() => expect(states.last).toMatchObject({ version: 1 }));
    await session.commit([remove("/n")], undefined);
    await eventually(() => expect(states.last).toBeUndefined());
    stop();
    const told = states.all.length;
    const probe = new States();
    session.watchNode("/n", probe);
    await session.commit([create("/n")], undefined);
    await eventually(() => expect(probe.last).toBeDefined());
    expect(states.all).toHaveLength(told);
  });

  test("misses nothing that is written while it starts", async () => {
    const { session } = await setting.open();
    await session.commit([create("/n")], undefined);
    for (let i = 1; i <= 50; i++) {
      const states = new States();
      const stop = session.watchNode("/n", states);
      await session.commit([set("/n", String(i))], undefined);
      await eventually(() => expect(text(states.last)).toBe(String(i)));
      stop();
    }
  });

  test("goes on after cuts, each in the middle of the changes", async () => {
    const { session: writer } = await setting.open();
    const { session } = await setting.open({ through: "proxy" });
    setting.keepAlive(session);
    await writer.commit([create("/n")], undefined);
    const states = new States();
    session.watchNode("/n", states);
    for (let i = 1; i <= 100; i++) {
      if (i % 20 === 0) setting.proxy.cut({ reset: i % 40 === 0 });
      await writer.commit([set("/n", String(i))], undefined);
    }
    await eventually(() => expect(text(states.last)).toBe("100"));
    expect(states.failures).toEqual([]);
  });
});

describe("a children's watch", () => {
  test("follows existence, names and data; ignores deeper nodes and siblings", async () => {
    const { session } = await setting.open();
    const names = new Listing();
    const nodes = new Listing();
    session.watchChildren("/p", names);
    session.watchChildNodes("/p", nodes);
    await eventually(() => expect([names.snapshots, nodes.snapshots]).toEqual([1, 1]));
    expect(names.names).toBeUndefined();
    await session.commit([create("/p")], undefined);
    await eventually(() => expect(names.names?.size).toBe(0));
    await session.commit(
      [create("/p/a"), create("/p/a/deep"), create("/p-1"), create("/p-1/x"), set("/p", "x")],
      undefined,
    );
    await session.commit([set("/p/a", "data"), create("/p/b")], undefined);
    await eventually(() =>
      expect([...(nodes.names ?? [])].sort()).toEqual([
        ["a", "data"],
        ["b", ""],
      ]),
    );
    await eventually(() => expect([...(names.names?.keys() ?? [])].sort()).toEqual(["a", "b"]));
    expect(names.changes).toBe(2);
    await session.commit([remove("/p/a/deep"), remove("/p/a"), remove("/p/b"), remove("/p")], undefined);
    await eventually(() => expect([names.names, nodes.names]).toEqual([undefined, undefined]));
    expect([names.failures, nodes.failures]).toEqual([[], []]);
  });

  test("follows foreign keys below a node that has none", async () => {
    const { session } = await setting.open();
    const client = new Etcd3({ hosts: setting.server.url });
    try {
      const listing = new Listing();
      session.watchChildren("/foreign", listing);
      await eventually(() => expect(listing.snapshots).toBe(1));
      await client.put(`${setting.namespace}/foreign/x`).value("1");
      await eventually(() => expect([...(listing.names?.keys() ?? [])]).toEqual(["x"]));
      await client.delete().key(`${setting.namespace}/foreign/x`);
      await eventually(() => expect(listing.names).toBeUndefined());
    } finally {
      client.close();
    }
  });

  test("costs no request for a change", async () => {
    const { session } = await setting.open();
    await session.commit([create("/p")], undefined);
    const listing = new Listing();
    session.watchChildNodes("/p", listing);
    await eventually(() => expect(listing.snapshots).toBe(1));
    const before = await requests(setting.server.url);
    for (let i = 0; i < 20; i++) await session.commit([create(`/p/${i}`)], undefined);
    await eventually(() => expect(listing.names?.size).toBe(20));
    const after = await requests(setting.server.url);
    expect((after.Txn ?? 0) - (before.Txn ?? 0)).toBe(20);
    expect(after.Range).toBe(before.Range);
    expect(after.Watch).toBe(before.Watch);
  });
});

describe("3,000 changes while cut off", () => {
  async function changeMuch(compacted: boolean): Promise<void> {
    const { session: writer } = await setting.open();
    const { session, facts } = await setting.open({ through: "proxy" });
    setting.keepAlive(session);
    await writer.commit([create("/p"), create("/p/last")], undefined);
    const listing = new Listing();
    const states = new States();
    session.watchChildNodes("/p", listing);
    session.watchNode("/p/last", states);
    await eventually(() => expect([listing.snapshots, states.all.length]).toEqual([1, 1]));
    await setting.proxy.refuse();
    await eventually(() => expect(facts.disconnections).toHaveLength(1));
    for (let i = 0; i < 3_000; i += 100) {
      await Promise.all(
        [...Array(50).keys()].flatMap((k) => [
          writer.commit([create(`/p/${i + k}`)], undefined),
          writer.commit([set("/p/last", String(i + k))], undefined),
        ]),
      );
    }
    if (compacted) await compact(setting.server.url);
    // Cut again while the first batches of the replay arrive: the rest must still come.
    setting.proxy.slice(2_000);
    setting.proxy.latency(5);
    const before = states.all.length;
    await setting.proxy.accept();
    if (!compacted) {
      await eventually(() => expect(states.all.length).toBeGreaterThan(before));
      setting.proxy.cut();
    }
    setting.proxy.heal();
    await writer.commit([set("/p/last", "after"), remove("/p/0")], undefined);
    await eventually(() => expect(listing.names?.get("last")).toBe("after"));
    await eventually(() => expect(text(states.last)).toBe("after"));
    const stored = await writer.children("/p", linearizable);
    expect([...(listing.names?.keys() ?? [])].sort()).toEqual(stored?.map(({ name }) => name).sort());
    // What was missed of the children may be any number of changes: they are told whole, on each new connection.
    expect(listing.snapshots).toBeGreaterThan(1);
    expect(listing.failures).toEqual([]);
  }

  test("are replayed, through another cut", () => changeMuch(false), 60_000);
  test("and compacted: the state is told whole", () => changeMuch(true), 60_000);
});

test("a children's watch that missed nothing while cut off is told whole all the same", async () => {
  const { session } = await setting.open({ through: "proxy" });
  setting.keepAlive(session);
  await session.commit([create("/p"), create("/p/a")], undefined);
  const [names, nodes] = [new Listing(), new Listing()];
  session.watchChildren("/p", names);
  session.watchChildNodes("/p", nodes);
  await eventually(() => expect([names.snapshots, nodes.snapshots]).toEqual([1, 1]));
  setting.proxy.cut();
  await eventually(() => expect([names.snapshots, nodes.snapshots]).toEqual([2, 2]));
  expect([...(nodes.names?.keys() ?? [])]).toEqual(["a"]);
});
