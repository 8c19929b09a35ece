import assert from "node:assert/strict";
import { maxDataBytes } from "@conclave/api";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { range, soonMs, steady, suspended, text } from "./support.js";

/** Legal everywhere, each for a reason: separators, globs, escapes, encodings and look-alikes of one store or another. */
const oddNames = [
  "a b",
  "-",
  "a.b",
  "..a",
  ".hidden",
  "a:b",
  "a%2Fb",
  "*",
  "[x]",
  "a\\b",
  '"quoted"',
  "$&",
  "~",
  "p0",
  "ünï",
  "日本",
  "e\u0301",
  "x".repeat(500),
];

const invalidPaths = [
  "",
  "a",
  "a/b",
  "//",
  "/a/",
  "/a//b",
  "/.",
  "/..",
  "/a/./b",
  "/a/../b",
  "/a\u0000",
  "/a\u001f",
  "/a\u007f",
  "/a\u009f",
  "/\ud800",
  "/\ue000",
  "/\uffff",
  "/\u{1f600}",
  `/${"x".repeat(1_000)}`,
];

export const namesAndData = suite("names and data", (test) => {
  test("NODE-8", "one rule for names: what is legal goes through unchanged", async (kit) => {
    const { session } = await kit.client();
    await session.create("/names");
    for (const name of oddNames) {
      const { path } = await session.create(`/names/${name}`, name);
      assert.equal(path, `/names/${name}`);
      assert.equal(text(await session.get(path)), name);
    }
    const listed = (await session.children("/names")).map(({ name }) => name);
    assert.deepEqual(listed.sort(), [...oddNames].sort());
    for (const name of oddNames) await session.delete(`/names/${name}`);
    assert.deepEqual(await session.children("/names"), []);
  });

  test("NODE-8", "an invalid path is refused before any I/O", { needs: ["link"] }, async (kit) => {
    const { session, link, coordinator } = await kit.client(steady(kit));
    await link.refuse();
    await suspended(kit, session);
    for (const path of invalidPaths) {
      for (const by of [session, coordinator]) {
        const calls = [
          () => by.get(path),
          () => by.children(path),
          () => by.childNodes(path),
          () => by.set(path, ""),
          () => by.delete(path),
          () => by.create(path),
          () => by.transaction([{ type: "check", path }]),
        ];
        for (const call of calls) {
          // Without contact, a call that came as far as the store would wait here.
          const error = await kit.within(
            "the refusal",
            session.timeoutMs / 3,
            rejects(call(), "INVALID_PATH"),
          );
          assert.equal(error.outcome, "not-applied");
        }
        for (const watch of [
          () => by.watch(path),
          () => by.watchChildren(path),
          () => by.watchChildNodes(path),
        ]) {
          assert.throws(watch, { code: "INVALID_PATH" });
        }
      }
    }
  });

  test("NODE-9", "data of 1,000,000 bytes makes the round trip, by read, listing and watch", async (kit) => {
    const { session } = await kit.client(steady(kit));
    const data = Uint8Array.from({ length: maxDataBytes }, (_, index) => (index * 31) % 251);
    const same = (found: Uint8Array | undefined) => assert.ok(found && Buffer.compare(found, data) === 0);
    assert.equal(maxDataBytes, 1_000_000);
    await session.create("/big", "", {});
    await session.set("/big", data);
    same((await session.get("/big"))?.data);
    await session.create("/big/child", data);
    const [child] = await session.childNodes("/big");
    same(child?.node.data);
    for await (const node of session.watch("/big")) {
      same(node?.data);
      break;
    }
    for await (const children of session.watchChildNodes("/big")) {
      same(children?.[0]?.node.data);
      break;
    }
  });

  test("NODE-9", "one byte more is refused before any I/O", { needs: ["link"] }, async (kit) => {
    const { session, link } = await kit.client(steady(kit));
    await session.create("/big", "small");
    await link.refuse();
    await suspended(kit, session);
    const data = new Uint8Array(maxDataBytes + 1);
    const half = new Uint8Array(maxDataBytes / 2 + 1);
    for (const call of [
      () => session.create("/bigger", data),
      () => session.create("/bigger-", data, { sequential: true, ephemeral: true }),
      () => session.set("/big", data),
      () => session.set("/big", "ü".repeat(maxDataBytes / 2 + 1)),
      () =>
        session.transaction([
          { type: "set", path: "/big", data: half },
          { type: "create", path: "/bigger", data: half },
        ]),
    ]) {
      await kit.within("the refusal", session.timeoutMs / 3, rejects(call(), "DATA_TOO_LARGE"));
    }
    await link.heal();
    assert.equal(text(await session.get("/big")), "small");
    assert.equal(await session.exists("/bigger"), false);
  });

  test("NODE-9", "bytes come back as they were, and empty data is not absent data", async (kit) => {
    const { session } = await kit.client();
    const bytes = Uint8Array.from(range(256));
    await session.create("/bytes", bytes);
    assert.deepEqual([...((await session.get("/bytes"))?.data ?? [])], range(256));
    await session.create("/empty", new Uint8Array());
    for (const step of ["created", "set"]) {
      const node = await session.get("/empty");
      assert.ok(node?.data instanceof Uint8Array, step);
      assert.equal(node.data.length, 0, step);
      assert.ok(await session.exists("/empty"));
      const [listed] = (await session.childNodes("/")).filter(({ name }) => name === "empty");
      assert.equal(listed?.node.data.length, 0, step);
      await session.set("/empty", "something");
      await session.set("/empty", "");
    }
    await rejects(session.create("/empty", "again"), "NODE_EXISTS");
  });

  test("NODE-9", "the caller may reuse its buffer as soon as the call was made", async (kit) => {
    const { session } = await kit.client();
    const buffer = new TextEncoder().encode("before");
    const creating = session.create("/n", buffer);
    buffer.fill(0);
    await creating;
    assert.equal(text(await session.get("/n")), "before");
  });

  test("NODE-9", "also while the call waits for contact", { needs: ["link"] }, async (kit) => {
    const { session, link } = await kit.client(steady(kit));
    await link.refuse();
    await suspended(kit, session);
    const buffer = new TextEncoder().encode("before");
    const creating = session.create("/n", buffer);
    buffer.fill(0);
    await link.heal();
    await kit.within("the create", soonMs(kit), creating);
    assert.equal(text(await session.get("/n")), "before");
  });

  test(
    "NODE-10",
    "keys of other programs are listed, read and watched, and never broken",
    { needs: ["writeForeign"] },
    async (kit) => {
      const { session } = await kit.client();
      await session.create("/shared");
      await session.create("/shared/ours", "ours");
      const data = Uint8Array.from([0, 255, 1, 254, 0]);
      await kit.target.writeForeign?.(kit.namespace, "/shared", data);
      const names = (await session.children("/shared", { linearizable: true })).map(({ name }) => name);
      assert.equal(names.length, 2);
      const foreign = names.find((name) => name !== "ours");
      const path = `/shared/${foreign}`;
      const bytes = async () => [...((await session.get(path))?.data ?? [])];
      assert.deepEqual(await bytes(), [...data]);
      const theirs = (await session.childNodes("/shared")).find(({ name }) => name === foreign);
      assert.deepEqual([...(theirs?.node.data ?? [])], [...data]);
      for await (const children of session.watchChildNodes("/shared")) {
        assert.equal(children?.length, 2);
        break;
      }
      await rejects(session.delete("/shared"), "NOT_EMPTY");
      await rejects(session.create(path, "mine"), "NODE_EXISTS");
      await session.create("/shared/s-", "", { sequential: true });
      await session.delete("/shared/ours");
      assert.deepEqual(await bytes(), [...data], "what we do beside it leaves it alone");
      await session.set(path, "changed");
      assert.equal(text(await session.get(path)), "changed");
      await session.delete(path);
      assert.equal(await session.exists(path), false);
    },
  );
});
