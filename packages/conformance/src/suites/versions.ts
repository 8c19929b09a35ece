import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { range, steady, text } from "./support.js";

export const versions = suite("versions and revisions", (test) => {
  test("NODE-5", "version is 0 at creation and grows by one with each set", async (kit) => {
    const { session } = await kit.client();
    for (const options of [{}, { ephemeral: true }]) {
      await session.create("/n", "0", options);
      assert.equal((await session.get("/n"))?.version, 0);
      for (const version of [1, 2, 3]) {
        const written = await session.set("/n", String(version));
        assert.equal(written.version, version);
        const node = await session.get("/n");
        assert.equal(node?.version, version);
        assert.equal(node?.modRevision, written.modRevision);
      }
      // Setting what it holds already is a set too.
      assert.equal((await session.set("/n", "3")).version, 4);
      await session.delete("/n");
    }
  });

  test("NODE-5", "ifVersion is compare-and-swap for set and delete", async (kit) => {
    const { session } = await kit.client();
    await session.create("/n", "a");
    await session.set("/n", "b", { ifVersion: 0 });
    for (const ifVersion of [0, 2, 1_000_000]) {
      const error = await rejects(session.set("/n", "x", { ifVersion }), "BAD_VERSION");
      assert.equal(error.path, "/n");
      assert.equal(error.outcome, "not-applied");
      await rejects(session.delete("/n", { ifVersion }), "BAD_VERSION");
    }
    assert.equal(text(await session.get("/n")), "b");
    for (const ifVersion of [-1, 0.5, Number.NaN]) {
      await rejects(session.set("/n", "x", { ifVersion }), "INVALID_ARGUMENT");
      await rejects(session.delete("/n", { ifVersion }), "INVALID_ARGUMENT");
    }
    await session.delete("/n", { ifVersion: 1 });
    assert.equal(await session.exists("/n"), false);
  });

  test("NODE-5", "of many who swap at once exactly one succeeds, and no increment is lost", async (kit) => {
    const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
    await clients[0]?.session.create("/n", "0");
    const outcomes = await Promise.allSettled(
      clients.flatMap(({ session }) => range(5).map(() => session.set("/n", "0", { ifVersion: 0 }))),
    );
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") await rejects(Promise.reject(outcome.reason), "BAD_VERSION");
    }
    await Promise.all(
      clients.map(async ({ session }) => {
        for (let done = 0; done < 10; ) {
          const node = await session.get("/n");
          const next = String(Number(text(node)) + 1);
          await session.set("/n", next, { ifVersion: node?.version }).then(
            () => {
              done += 1;
            },
            (error) => rejects(Promise.reject(error), "BAD_VERSION"),
          );
        }
      }),
    );
    const end = await clients[0]?.session.get("/n", { linearizable: true });
    assert.equal(text(end), "40");
    assert.equal(end?.version, 41);
  });

  test("NODE-5", "version does not tell a node from its recreation, createRevision does", async (kit) => {
    const { session } = await kit.client();
    await session.create("/n", "same");
    const before = await session.get("/n");
    await session.delete("/n");
    await session.create("/n", "same");
    const after = await session.get("/n");
    assert.equal(before?.version, 0);
    assert.equal(after?.version, 0);
    assert.ok(after && before && after.createRevision > before.createRevision);
    // The swap is by version alone, and so goes through on the recreation.
    await session.set("/n", "swapped", { ifVersion: 0 });
  });

  test("NODE-6", "revisions grow with every commit, across nodes and clients", async (kit) => {
    const [a, b] = [await kit.client(), await kit.client()];
    const revisions: bigint[] = [];
    const read = async (path: string) => {
      const node = await a.session.get(path, { linearizable: true });
      assert.ok(node);
      return node;
    };
    for (const round of range(5)) {
      await a.session.create(`/a${round}`);
      revisions.push((await read(`/a${round}`)).createRevision);
      const { path } = await b.session.create("/s-", "", { sequential: true, ephemeral: true });
      revisions.push((await read(path)).createRevision);
      revisions.push((await a.session.set("/a0", String(round))).modRevision);
      revisions.push((await b.session.set(path, String(round))).modRevision);
      assert.equal((await read(path)).modRevision, revisions.at(-1), "the node shows its last commit");
    }
    for (const revision of revisions) assert.equal(typeof revision, "bigint");
    for (const [index, revision] of revisions.slice(1).entries()) {
      assert.ok(revision > (revisions[index] ?? 0n), `${revision} after ${revisions[index]}`);
    }
  });

  test("NODE-6", "createRevision stays, modRevision moves, and both start at the creation", async (kit) => {
    const { session } = await kit.client();
    await session.create("/n");
    const created = await session.get("/n");
    assert.equal(created?.createRevision, created?.modRevision);
    const { modRevision } = await session.set("/n", "x");
    await session.create("/n/child");
    await session.delete("/n/child");
    const after = await session.get("/n");
    assert.equal(after?.createRevision, created?.createRevision);
    assert.equal(after?.modRevision, modRevision, "what happens to children is not a commit of the parent");
    const [listed] = await session.childNodes("/");
    assert.deepEqual(listed?.node, after, "a listing shows the same as a read");
  });

  test("NODE-6", "they grow across deletion and recreation, of the parent too", async (kit) => {
    const { session } = await kit.client();
    let last = 0n;
    for (const round of range(5)) {
      await session.create("/p/n", String(round), { parents: true });
      const [parent, node] = [await session.get("/p"), await session.get("/p/n")];
      assert.ok(parent && node);
      assert.ok(parent.createRevision > last, "the parent is newer than all before");
      assert.ok(node.createRevision >= parent.createRevision, "the child is no older than its parent");
      last = (await session.set("/p/n", "x")).modRevision;
      assert.ok(last > node.createRevision);
      await session.delete("/p/n");
      await session.delete("/p");
    }
  });
});
