import assert from "node:assert/strict";
import type { NodeClient } from "@conclave/api";
import type { Kit } from "../kit.js";
import { suite } from "../suite.js";
import { Follower, follow, range, soonMs, steady, text } from "./support.js";

/** The three kinds of watch, each as a function from what it yields to something that can be compared. */
export const kinds = [
  ["watch", (by: NodeClient) => by.watch("/w")],
  ["watchChildren", (by: NodeClient) => by.watchChildren("/w")],
  ["watchChildNodes", (by: NodeClient) => by.watchChildNodes("/w")],
] as const;

export function seen<T>(
  kit: Kit,
  what: string,
  follower: Follower<T>,
  is: (value: T) => boolean,
): Promise<unknown> {
  return kit.until(`the watch shows ${what}`, soonMs(kit), () => {
    if (follower.values.length === 0) return false;
    return is(follower.last as T);
  });
}

export const watches = suite("watches", (test) => {
  test("WATCH-1", "the first thing delivered is the current state", async (kit) => {
    const { session, coordinator } = await kit.client();
    const first = async <T>(watch: AsyncIterable<T>) => {
      for await (const value of watch) return value;
      return assert.fail("ended before the first state");
    };
    for (const by of [session, coordinator]) {
      for (const [, watch] of kinds) assert.equal(await first<unknown>(watch(by)), undefined);
    }
    await session.create("/w", "data");
    assert.deepEqual(await first(session.watchChildren("/w")), []);
    assert.deepEqual(await first(session.watchChildNodes("/w")), []);
    await session.create("/w/plain", "p");
    await session.create("/w/s-", "s", { sequential: true, ephemeral: true });
    for (const by of [session, coordinator]) {
      assert.deepEqual(await first(by.watch("/w")), await session.get("/w"));
      const byName = (a: { readonly name: string }, b: { readonly name: string }) =>
        a.name < b.name ? -1 : 1;
      assert.deepEqual(
        [...((await first(by.watchChildren("/w"))) ?? [])].sort(byName),
        [...(await session.children("/w"))].sort(byName),
      );
      assert.deepEqual(
        [...((await first(by.watchChildNodes("/w"))) ?? [])].sort(byName),
        [...(await session.childNodes("/w"))].sort(byName),
      );
    }
  });

  test("WATCH-1", "every loop over a watch starts anew, when it begins", async (kit) => {
    const { session } = await kit.client();
    const watch = session.watch("/w");
    await session.create("/w", "later than the call");
    for (const data of ["a", "b"]) {
      await session.set("/w", data);
      for await (const node of watch) {
        assert.equal(text(node), data);
        break;
      }
    }
  });

  test("WATCH-2", "later states follow: of the node, made, set, deleted and made again", async (kit) => {
    const [{ session: writer }, { session }] = [await kit.client(), await kit.client()];
    const follower = follow(kit, session.watch("/w"));
    await seen(kit, "no node", follower, (node) => node === undefined);
    for (const round of range(3)) {
      await writer.create("/w", `made ${round}`);
      await seen(kit, "the node", follower, (node) => text(node) === `made ${round}`);
      await writer.set("/w", `set ${round}`);
      await seen(kit, "the set", follower, (node) => text(node) === `set ${round}` && node?.version === 1);
      await writer.delete("/w");
      await seen(kit, "no node again", follower, (node) => node === undefined);
    }
  });

  test(
    "WATCH-2",
    "later states follow: of the children, also while the parent comes and goes",
    async (kit) => {
      const [{ session: writer }, { session }] = [await kit.client(), await kit.client()];
      const names = follow(kit, session.watchChildren("/p/w"));
      const nodes = follow(kit, session.watchChildNodes("/p/w"));
      const both = async (expected: readonly string[] | undefined) => {
        const shows = (found: readonly string[] | undefined) =>
          found === undefined || expected === undefined
            ? found === expected
            : [...found].sort().join() === [...expected].sort().join();
        await seen(kit, `names ${expected}`, names, (children) => shows(children?.map(({ name }) => name)));
        await seen(kit, `nodes ${expected}`, nodes, (children) => shows(children?.map(({ name }) => name)));
      };
      await both(undefined);
      for (const _ of range(2)) {
        await writer.create("/p/w", "", { parents: true });
        await both([]);
        await writer.create("/p/w/a", "1");
        await writer.create("/p/w/b", "1", { ephemeral: true });
        await both(["a", "b"]);
        await writer.create("/p/w/a/grandchild");
        await writer.set("/p/w/a", "2");
        const data = (name: string) => text(nodes.last?.find((child) => child.name === name)?.node);
        await kit.until("the new data of a child", soonMs(kit), () => data("a") === "2");
        assert.equal(data("b"), "1");
        await writer.delete("/p/w/b");
        await both(["a"]);
        await writer.delete("/p/w/a/grandchild");
        await writer.delete("/p/w/a");
        await both([]);
        await writer.delete("/p/w");
        await both(undefined);
        await writer.delete("/p");
      }
    },
  );

  test("WATCH-2", "never an older state after a newer one", async (kit) => {
    const clients = await Promise.all(range(3).map(() => kit.client(steady(kit))));
    const [watcher, ...writers] = clients;
    assert.ok(watcher);
    await watcher.session.create("/w");
    const follower = follow(kit, watcher.session.watch("/w"));
    const coordinators = follow(kit, watcher.coordinator.watch("/w"));
    const children = follow(kit, watcher.session.watchChildNodes("/"));
    await Promise.all(
      writers.map(async ({ session }) => {
        for (const round of range(100)) await session.set("/w", String(round));
      }),
    );
    const end = await watcher.session.get("/w", { linearizable: true });
    for (const each of [follower, coordinators]) {
      await seen(kit, "the last state", each, (node) => node?.version === end?.version);
    }
    await seen(kit, "the last state", children, (found) => found?.[0]?.node.version === end?.version);
    const listed = children.values.map((found) => found?.[0]?.node);
    for (const nodes of [follower.values, coordinators.values, listed]) {
      for (const [index, node] of nodes.slice(1).entries()) {
        assert.ok(
          node && node.modRevision >= (nodes[index]?.modRevision ?? 0n),
          "an older state after a newer one",
        );
      }
    }
  });

  test("WATCH-3", "deleted and made again at once, the last state is the new node", async (kit) => {
    const [{ session: writer }, { session }] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    await writer.create("/w/child", "same", { parents: true });
    const child = follow(kit, session.watch("/w/child"));
    const children = follow(kit, session.watchChildNodes("/w"));
    for (const _ of range(25)) {
      await writer.delete("/w/child");
      await writer.create("/w/child", "same");
      const made = await writer.get("/w/child");
      // Version and data are those of the node before: only the revision tells.
      await seen(kit, "the new node", child, (node) => node?.createRevision === made?.createRevision);
      await seen(
        kit,
        "the new child",
        children,
        (found) => found?.[0]?.node.createRevision === made?.createRevision,
      );
    }
  });

  test("WATCH-2", "children that come and go without a pause are shown as they end", async (kit) => {
    const [{ session: writer }, { session }] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    await writer.create("/w");
    const names = follow(kit, session.watchChildren("/w"));
    const nodes = follow(kit, session.watchChildNodes("/w"));
    for (const round of range(12)) {
      // Not waited for one by one: what is reported of one must not overtake what was reported before.
      const changes = range(7 + (round % 2)).map((step) =>
        step % 2 === 0 ? writer.create("/w/child", String(step)) : writer.delete("/w/child"),
      );
      await Promise.allSettled(changes);
      const stored = await writer.childNodes("/w", { linearizable: true });
      const revision = stored[0]?.node.createRevision;
      const shown = `round ${round}, ${revision === undefined ? "no child" : `the child of revision ${revision}`}`;
      await seen(kit, `${shown}, by name`, names, (found) => found?.length === stored.length);
      await seen(kit, shown, nodes, (found) => found?.[0]?.node.createRevision === revision);
      // What comes late would come now.
      await kit.sleep(kit.target.sessionTimeoutMs / 20);
      assert.equal(
        names.last?.length,
        stored.length,
        `${shown}: the watch of names went on to something else`,
      );
      assert.equal(
        nodes.last?.length,
        stored.length,
        `${shown}: the watch of nodes went on to something else`,
      );
      if (revision !== undefined) await writer.delete("/w/child");
    }
  });

  test("WATCH-2", "a node and its child that one commit makes, or removes, are both shown", async (kit) => {
    const [{ session: writer, coordinator }, { session }] = [await kit.client(), await kit.client()];
    const names = follow(kit, session.watchChildren("/w"));
    const nodes = follow(kit, session.watchChildNodes("/w"));
    const both = async (what: string, count: number | undefined) => {
      await seen(kit, `${what}, by name`, names, (found) => found?.length === count);
      await seen(kit, what, nodes, (found) => found?.length === count);
    };
    await both("no parent", undefined);
    for (const round of range(3)) {
      await writer.create("/w/child", String(round), { parents: true });
      await both("the child that was made with its parent", 1);
      if (coordinator.capabilities.transactions) {
        await writer.transaction([
          { type: "delete", path: "/w/child" },
          { type: "delete", path: "/w" },
        ]);
      } else {
        await writer.delete("/w/child");
        await writer.delete("/w");
      }
      await both("that parent and child are gone", undefined);
    }
  });

  test("WATCH-3", "a slow reader costs bounded memory: reading late gives the latest only", async (kit) => {
    const [{ session: writer }, { session }] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    await writer.create("/w");
    const slow = kinds.map(([, watch]) => (watch(session) as AsyncIterable<unknown>)[Symbol.asyncIterator]());
    for (const iterator of slow) await iterator.next();
    const quick = [follow(kit, session.watch("/w")), follow(kit, session.watch("/w/c-99"))];
    for (const round of range(100)) {
      await writer.create(`/w/c-${round}`);
      if (round > 0) await writer.delete(`/w/c-${round - 1}`);
      for (const step of range(4)) await writer.set("/w", `${round} ${step}`);
    }
    for (const each of quick)
      await seen(kit, "the last state", each, (node) => node !== undefined && text(node) !== "98 3");
    await seen(kit, "the last state", quick[0] as Follower<unknown>, () => text(quick[0]?.last) === "99 3");
    const [end, names] = [await session.get("/w"), (await session.children("/w")).map(({ name }) => name)];
    assert.deepEqual(names, ["c-99"]);
    for (const [index, iterator] of slow.entries()) {
      let late: unknown;
      // 600 changes later there is one state to read, or one more where the last was still on its way.
      for (let reading = 1; ; reading += 1) {
        assert.ok(
          reading <= 3,
          `${kinds[index]?.[0]} kept old states for a slow reader: ${JSON.stringify(late, bigint)}`,
        );
        late = (await kit.within("a late read", soonMs(kit), iterator.next())).value;
        const found =
          index === 0 ? (late as { version: number }).version : (late as { name: string }[])[0]?.name;
        if (found === (index === 0 ? end?.version : "c-99")) break;
      }
      await iterator.return?.();
    }
  });

  test("WATCH-6", "nothing written between the first read and the watch's start is missed", async (kit) => {
    const [{ session: writer }, { session, coordinator }] = [
      await kit.client(steady(kit)),
      await kit.client(steady(kit)),
    ];
    await writer.create("/w", "");
    for (const round of range(60)) {
      const by = round % 2 === 0 ? session : coordinator;
      const write = () => [writer.set("/w", String(round)), writer.create(`/w/c${round}`)];
      const start = () =>
        [
          new Follower(by.watch("/w")),
          new Follower(by.watchChildren("/w")),
          new Follower(by.watchChildNodes("/w")),
        ] as const;
      const shift = async () => {
        for (const _ of range(round % 11)) await Promise.resolve();
      };
      // Both are under way at once, in turn the one and the other first; each round shifts them a little.
      const early = round % 4 < 2 ? write() : undefined;
      const followers = early ? undefined : start();
      await shift();
      const [node, names, nodes] = followers ?? start();
      const writing = early ?? write();
      await Promise.all(writing);
      const has = (found: readonly { readonly name: string }[] | undefined) =>
        found?.some(({ name }) => name === `c${round}`) ?? false;
      await seen(kit, `write ${round}`, node, (found) => text(found) === String(round));
      await seen(kit, `name ${round}`, names, has);
      await seen(kit, `node ${round}`, nodes, has);
      for (const follower of [node, names, nodes]) await follower.stop();
      await writer.delete(`/w/c${round}`);
    }
  });
});

function bigint(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
