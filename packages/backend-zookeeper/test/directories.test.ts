import type { BackendSession, Child, ChildNode } from "@conclave/api/backend";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { counted, make, named, open, told, until } from "./directory-support.js";
import { Opcode } from "./frame-proxy.js";
import { bytes, collectChildren, create, remove, set, text } from "./support.js";

/* Directories followed by persistent recursive watches. */

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

describe("what a change costs, whatever the number of children", () => {
  test.each([10, 1_000])("of %d children with their data: its event, and one read", async (n) => {
    const { session: writer } = await open(server.url);
    const { session, frames, seen } = await counted(server);
    const at = `/cost-${n}`;
    await make(writer, at);
    await make(writer, ...Array.from({ length: n }, (_, i) => `${at}/i${i}`));
    await session.get(at, { linearizable: true });
    frames();
    const sink = collectChildren<ChildNode>();
    session.watchChildNodes(at, sink);
    await until(() => sink.view?.size === n);
    const opening = frames();
    expect(opening.slice(0, 2)).toEqual(["addWatch", "getChildren"]);
    expect(opening.slice(2)).toEqual(Array(n).fill("getData"));

    await writer.commit([create(`${at}/extra`)], undefined);
    await until(() => sink.view?.has("extra"));
    expect(frames()).toEqual(["event", "getData"]);
    await writer.commit([set(`${at}/extra`, "changed")], undefined);
    await until(() => text(sink.view?.get("extra")?.node.data) === "changed");
    expect(frames()).toEqual(["event", "getData"]);
    await writer.commit([remove(`${at}/extra`)], undefined);
    await until(() => sink.view?.has("extra") === false);
    // Of no concern: the directory's own data.
    await writer.commit([set(at, "changed")], undefined);
    await until(() => seen.length === 3);
    expect(frames()).toEqual(["event", "exists", "event"]);
    expect(sink.log).toEqual(["snapshot", "+extra", "+extra", "-extra"]);
  });

  test.each([10, 1_000])("of the names of %d children: its event, and one read", async (n) => {
    const { session: writer } = await open(server.url);
    const { session, frames, seen } = await counted(server);
    const at = `/names-${n}`;
    await make(writer, at);
    await make(writer, ...Array.from({ length: n }, (_, i) => `${at}/i${i}`));
    await session.get(at, { linearizable: true });
    frames();
    const sink = collectChildren<Child>();
    session.watchChildren(at, sink);
    await until(() => sink.view?.size === n);
    expect(frames()).toEqual(["addWatch", "getChildren"]);

    await writer.commit([create(`${at}/extra`)], undefined);
    await until(() => sink.view?.has("extra"));
    await writer.commit([set(`${at}/extra`, "changed")], undefined);
    await writer.commit([remove(`${at}/extra`)], undefined);
    await until(() => sink.view?.has("extra") === false);
    expect(seen.filter((frame) => frame === "event")).toHaveLength(3);
    expect(seen.filter((frame) => frame !== "event")).toEqual(["exists", "exists"]);
    expect(sink.log).toEqual(["snapshot", "+extra", "-extra"]);
  });

  test("what happens further below is reported by the server, and costs no request", async () => {
    const { session: writer } = await open(server.url);
    await make(writer, "/deep/a/b/c", "/deep/d");
    const { session, frames, seen } = await counted(server);
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    session.watchChildNodes("/deep", nodes);
    session.watchChildren("/deep", names);
    await until(() => nodes.view?.size === 2 && names.view?.size === 2);
    frames();
    await make(writer, "/deep/a/new", "/deep/a/b/c/new");
    await writer.commit([set("/deep/a/b", "x")], undefined);
    await writer.commit([remove("/deep/a/new")], undefined);
    await until(() => seen.length >= 4);
    expect(frames()).toEqual(Array(4).fill("event"));
    await writer.commit([remove("/deep/d")], undefined);
    await until(() => named(nodes.view) === "a" && named(names.view) === "a");
    expect(frames()).toEqual(["event", "exists", "exists"]);
  });
});

describe("WATCH-3 WATCH-6 what changes while it is being read ends in the right state", () => {
  /** Has `change` happen at the server between the view's watch and its listing, or between the listing and its arrival. */
  async function duringListing(
    when: "before" | "after",
    at: string,
    change: (writer: BackendSession) => Promise<unknown>,
  ) {
    const { session: writer } = await open(server.url);
    for (const name of ["kept", "changes", "goes", "again"]) {
      await writer.commit([create(`${at}/${name}`, { parents: true, data: bytes("old") })], undefined);
    }
    const { session, proxy } = await counted(server);
    let changed = false;
    const once = async ({ opcode }: { opcode: number | undefined }) => {
      if (opcode !== Opcode.getChildren || changed) return "forward" as const;
      changed = true;
      await change(writer);
      return "forward" as const;
    };
    if (when === "before") proxy.onRequest = once;
    else proxy.onReply = once;
    const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
    session.watchChildNodes(at, nodes);
    session.watchChildren(at, names);
    return { nodes, names, changed: () => changed };
  }

  test.each(["before", "after"] as const)(
    "children created, changed, deleted and made again %s the listing is made",
    async (when) => {
      const at = `/listing-${when}`;
      const { nodes, names, changed } = await duringListing(when, at, async (writer) => {
        await writer.commit([create(`${at}/new`, { data: bytes("1") })], undefined);
        await writer.commit([set(`${at}/changes`, "2")], undefined);
        await writer.commit([remove(`${at}/goes`)], undefined);
        await writer.commit([remove(`${at}/again`)], undefined);
        await writer.commit([create(`${at}/again`, { data: bytes("3") })], undefined);
        await writer.commit([create(`${at}/brief`)], undefined);
        await writer.commit([remove(`${at}/brief`)], undefined);
      });
      await until(() => told(nodes.view) === "again=3,changes=2,kept=old,new=1");
      await until(() => named(names.view) === "again,changes,kept,new");
      expect(changed()).toBe(true);
      // The listing was newer than both.
      if (when === "before") expect([...nodes.log, ...names.log]).not.toContain("+brief");
    },
  );

  test.each(["before", "after"] as const)(
    "the directory deleted %s the listing is made, and made again",
    async (when) => {
      const at = `/gone-${when}`;
      const { nodes, names } = await duringListing(when, at, async (writer) => {
        for (const name of ["kept", "changes", "goes", "again"])
          await writer.commit([remove(`${at}/${name}`)], undefined);
        await writer.commit([remove(at)], undefined);
        await make(writer, `${at}/other`);
      });
      await until(() => named(nodes.view) === "other" && named(names.view) === "other");
    },
  );

  test("a child that changes, and then goes, while it is read", async () => {
    const { session: writer } = await open(server.url);
    await make(writer, "/reading/a", "/reading/b");
    const { session, proxy } = await counted(server);
    const changes = [
      () => writer.commit([set("/reading/b", "2")], undefined),
      () => writer.commit([remove("/reading/b")], undefined),
    ];
    proxy.onReply = async ({ opcode }) => {
      if (opcode === Opcode.getData) await changes.shift()?.();
      return "forward" as const;
    };
    const sink = collectChildren<ChildNode>();
    session.watchChildNodes("/reading", sink);
    await until(() => changes.length === 0 && named(sink.view) === "a");
    // Read once more before anything was reported (TXN-2).
    expect(sink.log).toEqual(["snapshot"]);
  });

  test("10 writers create, change and delete while a view is opened, 20 times", async () => {
    const { session: writer } = await open(server.url);
    const { session: reader } = await open(server.url);
    await make(writer, "/busy");
    let going = true;
    const write = async (k: number) => {
      for (let i = 0; going; i++) {
        const path = `/busy/${k}-${i % 3}`;
        await writer.commit([create(path, { data: bytes(`${i}`) })], undefined);
        await writer.commit([set(path, `${i}+`)], undefined);
        if (i % 5 !== 4) await writer.commit([remove(path)], undefined).catch(() => {});
        else
          await writer
            .commit([set(path, "stays")], undefined)
            .then(() => writer.commit([remove(path)], undefined));
      }
      await writer.commit([create(`/busy/last-${k}`, { data: bytes("!") })], undefined);
    };
    const writers = Promise.all(Array.from({ length: 10 }, (_, k) => write(k)));
    const views = [];
    for (let i = 0; i < 20; i++) {
      const [nodes, names] = [collectChildren<ChildNode>(), collectChildren<Child>()];
      reader.watchChildNodes("/busy", nodes);
      reader.watchChildren("/busy", names);
      views.push({ nodes, names });
      // It waits for a quiet moment, of which there is none, for some round trips each time.
      await until(() => nodes.log.length > 5 && names.log.length > 5);
    }
    going = false;
    await writers;
    const expected = Array.from({ length: 10 }, (_, k) => `last-${k}`).sort();
    for (const { nodes, names } of views) {
      await until(() => named(nodes.view) === expected.join() && named(names.view) === expected.join());
      expect(told(nodes.view)).toBe(expected.map((name) => `${name}=!`).join());
    }
  });
});
