import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { range, soonMs, steady, text } from "./support.js";

export const reads = suite("reads", (test) => {
  test("READ-1", "a session reads its own writes, by every read", async (kit) => {
    const { session, coordinator } = await kit.client();
    for (const round of range(50)) {
      const path = `/own/${round}`;
      await session.create(path, "0", { parents: true });
      assert.equal(text(await session.get(path)), "0");
      assert.ok((await session.children("/own")).some(({ name }) => name === String(round)));
      const { version } = await session.set(path, "1");
      const listed = (await session.childNodes("/own")).find(({ name }) => name === String(round));
      assert.equal(listed?.node.version, version);
      assert.equal((await coordinator.get(path))?.version, version);
      if (round % 2 === 0) continue;
      await session.delete(path);
      assert.equal(await session.get(path), undefined);
      assert.ok(!(await session.children("/own")).some(({ name }) => name === String(round)));
    }
  });

  test("READ-1", "reads never go back in time while others write", async (kit) => {
    const [reader, writer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    await writer.session.create("/n");
    await writer.session.create("/list");
    let writing = true;
    const readers = range(3).map(async () => {
      let [revision, count] = [0n, 0];
      while (writing) {
        const node = await reader.session.get("/n");
        assert.ok(node && node.modRevision >= revision, `${node?.modRevision} after ${revision}`);
        revision = node.modRevision;
        const { length } = await reader.session.children("/list");
        assert.ok(length >= count, `${length} children after ${count}`);
        count = length;
      }
    });
    const write = async () => {
      for (const round of range(100)) {
        await writer.session.set("/n", String(round));
        await writer.session.create("/list/c-", "", { sequential: true });
      }
    };
    await Promise.all([
      write().finally(() => {
        writing = false;
      }),
      ...readers,
    ]);
  });

  test("READ-1", "nor across a reconnection", { needs: ["link"] }, async (kit) => {
    const [reader, writer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    await writer.session.create("/n");
    let revision = 0n;
    for (const round of range(12)) {
      await writer.session.set("/n", String(round));
      const before = await reader.session.get("/n", { linearizable: round % 3 === 0 });
      assert.ok(before && before.modRevision >= revision);
      revision = before.modRevision;
      await reader.link.cut();
      const after = await kit.within("the read", soonMs(kit), reader.session.get("/n"));
      assert.ok(after && after.modRevision >= revision, "an older state after a reconnection");
      revision = after.modRevision;
    }
  });

  test("READ-2", "a linearizable read sees all that was acknowledged to anybody before", async (kit) => {
    const clients = await Promise.all(range(3).map(() => kit.client(steady(kit))));
    const options = { linearizable: true };
    await clients[0]?.session.create("/list");
    for (const round of range(30)) {
      const writer = clients[round % 3]?.session;
      const path = `/list/${round}`;
      await writer?.create(path);
      const written = await writer?.set(path, String(round));
      for (const { session, coordinator } of clients) {
        const node = await session.get(path, options);
        assert.equal(node?.modRevision, written?.modRevision);
        assert.ok(await coordinator.exists(path, options));
        assert.equal((await session.children("/list", options)).length, round + 1);
        const listed = (await session.childNodes("/list", options)).find(
          ({ name }) => name === String(round),
        );
        assert.equal(listed?.node.modRevision, written?.modRevision);
      }
    }
    for (const round of range(30)) {
      await clients[round % 3]?.session.delete(`/list/${round}`);
      for (const { session } of clients) {
        assert.equal(await session.exists(`/list/${round}`, options), false);
        assert.equal((await session.children("/list", options)).length, 29 - round);
      }
    }
    await clients[0]?.session.delete("/list");
    for (const { session } of clients) await rejects(session.children("/list", options), "NO_NODE");
  });
});
