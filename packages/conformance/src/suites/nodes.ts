import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { childrenAre, range, soonMs, steady, text } from "./support.js";

export const nodes = suite("nodes", (test) => {
  test("NODE-1", "a node has data and children, and the root always exists", async (kit) => {
    const { session } = await kit.client();
    assert.ok(await session.get("/"));
    assert.deepEqual(await session.children("/"), []);
    await session.create("/a", "folder");
    await session.create("/a/b", "file");
    await session.create("/a/c");
    assert.equal(text(await session.get("/a")), "folder");
    assert.equal(text(await session.get("/a/b")), "file");
    assert.deepEqual((await session.children("/a")).map(({ name }) => name).sort(), ["b", "c"]);
    assert.deepEqual((await session.childNodes("/a")).map(({ node }) => [node.path, text(node)]).sort(), [
      ["/a/b", "file"],
      ["/a/c", ""],
    ]);
    await session.set("/", "root");
    assert.equal(text(await session.get("/")), "root");
    await rejects(session.delete("/"), "INVALID_ARGUMENT");
  });

  test("NODE-1", "children are those directly below, not neighbours or grandchildren", async (kit) => {
    const { session } = await kit.client();
    await session.create("/p");
    for (const neighbour of ["/p-1", "/p.x", "/p0", "/pp", "/p!"])
      await session.create(`${neighbour}/c`, "", { parents: true });
    assert.deepEqual(await session.children("/p"), []);
    await session.create("/p/c/d/e", "", { parents: true });
    assert.deepEqual(
      (await session.children("/p")).map(({ name }) => name),
      ["c"],
    );
    assert.deepEqual(
      (await session.childNodes("/p")).map(({ name }) => name),
      ["c"],
    );
  });

  test(
    "NODE-1",
    "what does not exist is undefined to get, and NO_NODE to everything that needs it",
    async (kit) => {
      const { session } = await kit.client();
      assert.equal(await session.get("/none"), undefined);
      assert.equal(await session.exists("/none"), false);
      for (const call of [
        () => session.children("/none"),
        () => session.childNodes("/none"),
        () => session.set("/none", ""),
        () => session.delete("/none"),
        () => session.set("/none", "", { ifVersion: 0 }),
        () => session.delete("/none", { ifVersion: 0 }),
      ]) {
        const error = await rejects(call(), "NO_NODE");
        assert.equal(error.path, "/none");
        assert.equal(error.outcome, "not-applied");
      }
      await session.create("/some", "first");
      const error = await rejects(session.create("/some", "second"), "NODE_EXISTS");
      assert.equal(error.path, "/some");
      assert.equal(text(await session.get("/some")), "first");
    },
  );

  test("NODE-2", "the parent must exist, and the error names it", async (kit) => {
    const { session } = await kit.client();
    for (const options of [
      {},
      { ephemeral: true },
      { sequential: true },
      { ephemeral: true, sequential: true },
    ]) {
      const error = await rejects(session.create("/x/y/z", "", options), "NO_NODE");
      assert.equal(error.path, "/x/y");
    }
    assert.equal(await session.get("/x"), undefined);
  });

  test(
    "NODE-2",
    "parents makes missing ancestors, persistent and empty, and leaves the others alone",
    async (kit) => {
      const { session } = await kit.client();
      const other = await kit.client();
      await session.create("/a", "kept");
      await session.create("/a/b/c/d", "leaf", { parents: true, ephemeral: true });
      assert.equal(text(await session.get("/a")), "kept");
      assert.equal((await session.get("/a"))?.version, 0);
      for (const made of ["/a/b", "/a/b/c"]) {
        const node = await session.get(made);
        assert.equal(text(node), "");
        assert.equal(node?.ephemeralOwner, undefined);
      }
      assert.equal((await session.get("/a/b/c/d"))?.ephemeralOwner, session.id);
      await rejects(session.create("/a/b/c/d", "", { parents: true }), "NODE_EXISTS");
      await session.close();
      await childrenAre(kit, other, "/a/b/c", 0);
    },
  );

  test("NODE-2", "parents made by many at once get in nobody's way", async (kit) => {
    const clients = await Promise.all(range(5).map(() => kit.client(steady(kit))));
    await Promise.all(
      clients.flatMap(({ session }, c) =>
        range(10).map((n) => session.create(`/deep/er/still/${c}-${n}`, "", { parents: true })),
      ),
    );
    const [first] = clients;
    assert.equal((await first?.session.children("/deep/er/still", { linearizable: true }))?.length, 50);
  });

  test("NODE-3", "an ephemeral node has no children, whoever tries", async (kit) => {
    const { session } = await kit.client();
    const other = await kit.client();
    await session.create("/e", "", { ephemeral: true });
    for (const by of [session, other.session]) {
      for (const options of [{}, { ephemeral: true }, { sequential: true }, { parents: true }]) {
        await rejects(by.create("/e/c", "", options), "EPHEMERAL_PARENT");
      }
      await rejects(by.create("/e/c/d", "", { parents: true }), "EPHEMERAL_PARENT");
    }
    assert.deepEqual(await session.children("/e"), []);
  });

  test("NODE-3", "a set leaves an ephemeral node ephemeral", async (kit) => {
    const { session } = await kit.client();
    const other = await kit.client();
    await session.create("/e", "1", { ephemeral: true });
    await session.set("/e", "2");
    await other.session.set("/e", "3");
    assert.equal((await session.get("/e"))?.ephemeralOwner, session.id);
    await rejects(other.session.create("/e/c"), "EPHEMERAL_PARENT");
    await session.close();
    await kit.until("the node vanishes", soonMs(kit), async () => !(await other.session.exists("/e")));
  });

  test("NODE-4", "a node with children is not deleted", async (kit) => {
    const { session } = await kit.client();
    await session.create("/p");
    await session.create("/p-neighbour/c", "", { parents: true });
    for (const options of [{}, { ephemeral: true }, { sequential: true }]) {
      const { path } = await session.create("/p/c", "", options);
      const error = await rejects(session.delete("/p"), "NOT_EMPTY");
      assert.equal(error.path, "/p");
      await rejects(session.delete("/p", { ifVersion: 0 }), "NOT_EMPTY");
      await session.delete(path);
    }
    await session.delete("/p");
    assert.equal(await session.exists("/p"), false);
  });

  test("NODE-4", "no race of create and delete leaves a child without its parent", async (kit) => {
    const creator = (await kit.client(steady(kit))).session;
    const deleter = (await kit.client(steady(kit))).session;
    const counts = { created: 0, deleted: 0 };
    for (const round of range(150)) {
      await deleter.create("/p");
      // Alternately, so that each gets to the store first now and then.
      const calls = [() => creator.create("/p/c"), () => deleter.delete("/p")];
      if (round % 2 === 1) calls.reverse();
      const outcomes = await Promise.allSettled(calls.map((call) => call()));
      if (round % 2 === 1) outcomes.reverse();
      const [create, remove] = outcomes;
      const parent = await deleter.exists("/p", { linearizable: true });
      const child = await deleter.exists("/p/c", { linearizable: true });
      assert.equal(child, create?.status === "fulfilled", "the create's outcome is what the store shows");
      assert.equal(!parent, remove?.status === "fulfilled", "the delete's outcome is what the store shows");
      assert.ok(parent || !child, "a child without its parent");
      assert.ok(parent === child, "one of the two must have failed, and only one");
      if (create?.status === "rejected") await rejects(Promise.reject(create.reason), "NO_NODE");
      if (remove?.status === "rejected") await rejects(Promise.reject(remove.reason), "NOT_EMPTY");
      counts[child ? "created" : "deleted"] += 1;
      if (child) await deleter.delete("/p/c");
      if (parent) await deleter.delete("/p");
    }
    assert.equal(counts.created + counts.deleted, 150);
  });

  test("NODE-4", "nor does one of deletes and creates that make their parents", async (kit) => {
    const [maker, sequential, deleter] = await Promise.all(range(3).map(() => kit.client(steady(kit))));
    assert.ok(maker && sequential && deleter);
    let going = true;
    const deleting = (async () => {
      while (going) {
        for (const path of ["/a/b", "/a"]) await deleter.session.delete(path).catch(() => {});
      }
    })();
    const orphans = async () => {
      for (const round of range(60)) {
        const made = await Promise.allSettled([
          maker.session.create(`/a/b/m${round}`, "", { parents: true }),
          sequential.session.create("/a/b/s", "", { parents: true, sequential: true }),
        ]);
        for (const outcome of made) {
          if (outcome.status === "rejected") {
            await rejects(Promise.reject(outcome.reason), "NO_NODE");
            continue;
          }
          assert.ok(await maker.session.exists("/a/b", { linearizable: true }), "a child without its parent");
          assert.ok(
            await maker.session.exists("/a", { linearizable: true }),
            "a child without its grandparent",
          );
          await maker.session.delete(outcome.value.path);
        }
      }
    };
    await orphans().finally(() => {
      going = false;
    });
    await deleting;
  });
});
