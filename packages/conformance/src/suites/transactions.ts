import assert from "node:assert/strict";
import { maxOperations, type TransactionOperation } from "@conclave/api";
import { rejects } from "../expect.js";
import { type CaseOptions, suite } from "../suite.js";
import { Follower, follow, range, soonMs, steady, suspended, text } from "./support.js";

const where: CaseOptions = { when: ({ transactions }) => transactions };
const elsewhere: CaseOptions = { when: ({ transactions }) => !transactions, weaker: true };

const pair: readonly TransactionOperation[] = [
  { type: "create", path: "/a" },
  { type: "create", path: "/b" },
];

export const transactions = suite("transactions", (test) => {
  test("TXN-1", "check, create, set and delete over many nodes are applied together", where, async (kit) => {
    const { session } = await kit.client();
    await session.create("/checked", "", {});
    await session.create("/set", "before");
    await session.create("/gone", "");
    const results = await session.transaction([
      { type: "check", path: "/checked", ifVersion: 0 },
      { type: "check", path: "/nobody", exists: false },
      { type: "create", path: "/made", data: "made" },
      { type: "create", path: "/seq-", sequential: true, ephemeral: true },
      { type: "set", path: "/set", data: "after", ifVersion: 0 },
      { type: "delete", path: "/gone", ifVersion: 0 },
    ]);
    assert.equal(results.length, 6);
    const [check, absence, made, sequential, set, removal] = results;
    assert.deepEqual([check, absence, removal], [undefined, undefined, undefined]);
    assert.deepEqual(made, { path: "/made", sequence: undefined });
    assert.ok(sequential && "path" in sequential && sequential.sequence !== undefined);
    const node = await session.get(sequential.path);
    assert.equal(node?.ephemeralOwner, session.id);
    assert.deepEqual(set, { version: 1, modRevision: (await session.get("/set"))?.modRevision });
    assert.equal(text(await session.get("/made")), "made");
    assert.equal(text(await session.get("/set")), "after");
    assert.equal(await session.exists("/gone"), false);
    assert.equal((await session.get("/checked"))?.version, 0, "a check changes nothing");
  });

  test("TXN-1", "one failure undoes all, whatever its place, and the error names it", where, async (kit) => {
    const { session } = await kit.client();
    await session.create("/n", "before");
    await session.create("/parent/child", "", { parents: true });
    await session.create("/e", "", { ephemeral: true });
    const before = await session.get("/n");
    const failing: readonly (readonly [
      TransactionOperation,
      "NO_NODE" | "NODE_EXISTS" | "BAD_VERSION" | "NOT_EMPTY" | "EPHEMERAL_PARENT",
    ])[] = [
      [{ type: "check", path: "/none" }, "NO_NODE"],
      [{ type: "check", path: "/parent", exists: false }, "NODE_EXISTS"],
      [{ type: "check", path: "/parent", ifVersion: 7 }, "BAD_VERSION"],
      [{ type: "create", path: "/parent" }, "NODE_EXISTS"],
      [{ type: "create", path: "/none/child" }, "NO_NODE"],
      [{ type: "create", path: "/e/child" }, "EPHEMERAL_PARENT"],
      [{ type: "create", path: "/none/s-", sequential: true }, "NO_NODE"],
      [{ type: "set", path: "/none", data: "" }, "NO_NODE"],
      [{ type: "set", path: "/parent", data: "", ifVersion: 7 }, "BAD_VERSION"],
      [{ type: "delete", path: "/none" }, "NO_NODE"],
      [{ type: "delete", path: "/parent", ifVersion: 7 }, "BAD_VERSION"],
      [{ type: "delete", path: "/parent" }, "NOT_EMPTY"],
    ];
    const sound: readonly TransactionOperation[] = [
      { type: "create", path: "/x" },
      { type: "set", path: "/n", data: "after" },
      { type: "delete", path: "/parent/child", ifVersion: 0 },
    ];
    for (const [operation, code] of failing) {
      for (const at of [0, 1, 2, 3]) {
        // Behind the delete of its child, the parent is empty.
        if (code === "NOT_EMPTY" && at === 3) continue;
        const operations = [...sound.slice(0, at), operation, ...sound.slice(at)];
        const error = await rejects(session.transaction(operations), code, "not-applied");
        assert.equal(error.operation, at, `${operation.type} ${operation.path}: ${error.message}`);
      }
    }
    assert.deepEqual(await session.get("/n"), before);
    assert.equal(await session.exists("/x"), false);
    assert.ok(await session.exists("/parent/child"));
    assert.equal((await session.children("/")).length, 3);
  });

  test("TXN-1", "operations build on each other", where, async (kit) => {
    const { session } = await kit.client();
    await session.transaction([
      { type: "create", path: "/a", data: "a" },
      { type: "create", path: "/a/b", data: "b" },
      { type: "create", path: "/a/b/c", data: "c", ephemeral: true },
      { type: "check", path: "/a/b" },
    ]);
    assert.deepEqual(
      (await session.children("/a")).map(({ name }) => name),
      ["b"],
    );
    assert.equal(text(await session.get("/a/b/c")), "c");
    const early = await rejects(
      session.transaction([
        { type: "delete", path: "/a" },
        { type: "delete", path: "/a/b/c" },
        { type: "delete", path: "/a/b" },
      ]),
      "NOT_EMPTY",
    );
    assert.equal(early.operation, 0);
    await session.transaction([
      { type: "delete", path: "/a/b/c" },
      { type: "delete", path: "/a/b" },
      { type: "delete", path: "/a" },
      { type: "check", path: "/a", exists: false },
    ]);
    assert.equal(await session.exists("/a"), false);
    const orphan = await rejects(
      session.transaction([
        { type: "create", path: "/d/e" },
        { type: "create", path: "/d" },
      ]),
      "NO_NODE",
    );
    assert.equal(orphan.operation, 0);
    const underEphemeral = await rejects(
      session.transaction([
        { type: "create", path: "/d", ephemeral: true },
        { type: "create", path: "/d/e" },
      ]),
      "EPHEMERAL_PARENT",
    );
    assert.equal(underEphemeral.operation, 1);
    await session.create("/f/g", "", { parents: true });
    const afterItsParent = await rejects(
      session.transaction([
        { type: "delete", path: "/f/g" },
        { type: "delete", path: "/f" },
        { type: "create", path: "/f/h" },
      ]),
      "NO_NODE",
    );
    assert.equal(afterItsParent.operation, 2);
    assert.ok(await session.exists("/f/g"));
  });

  test("TXN-1", "as many operations as are allowed, and no more", where, async (kit) => {
    const { session } = await kit.client();
    const creates = range(maxOperations).map(
      (n): TransactionOperation => ({ type: "create", path: `/n${n}` }),
    );
    assert.equal((await session.transaction(creates)).length, maxOperations);
    assert.equal((await session.children("/")).length, maxOperations);
    for (const operations of [
      [],
      [...creates, { type: "check", path: "/" } as const],
      [creates[0] as TransactionOperation, { type: "set", path: "/n0", data: "" } as const],
    ]) {
      await rejects(session.transaction(operations), "INVALID_ARGUMENT");
    }
  });

  test("TXN-1", "of transactions that exclude each other one is applied", where, async (kit) => {
    const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
    const [first] = clients;
    assert.ok(first);
    await first.session.create("/left", "100");
    await first.session.create("/right", "100");
    const move = async ({ session }: typeof first) => {
      for (let done = 0; done < 8; ) {
        const [left, right] = [await session.get("/left"), await session.get("/right")];
        assert.ok(left && right);
        const moved = session.transaction([
          { type: "set", path: "/left", data: String(Number(text(left)) - 1), ifVersion: left.version },
          { type: "set", path: "/right", data: String(Number(text(right)) + 1), ifVersion: right.version },
        ]);
        await moved.then(
          () => {
            done += 1;
          },
          (error) => rejects(Promise.reject(error), "BAD_VERSION", "not-applied"),
        );
      }
    };
    await Promise.all(clients.map(move));
    assert.equal(text(await first.session.get("/left", { linearizable: true })), "68");
    assert.equal(text(await first.session.get("/right", { linearizable: true })), "132");
  });

  test("TXN-2", "no reader ever sees half of a transaction", where, async (kit) => {
    const [writer, reader] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    await writer.session.create("/a", "0");
    await writer.session.create("/b", "0");
    let writing = true;
    const number = async (path: string, linearizable: boolean) =>
      Number(text(await reader.session.get(path, { linearizable })));
    const readers = [false, true].map(async (linearizable) => {
      while (writing) {
        for (const [earlier, later] of [
          ["/a", "/b"],
          ["/b", "/a"],
        ] as const) {
          const before = await number(earlier, linearizable);
          const after = await number(later, linearizable);
          assert.ok(after >= before, `${later} is at ${after} when ${earlier} was at ${before} already`);
        }
      }
    });
    const write = async () => {
      for (const round of range(150)) {
        await writer.session.transaction([
          { type: "set", path: "/a", data: String(round) },
          { type: "set", path: "/b", data: String(round) },
        ]);
      }
    };
    await Promise.all([
      write().finally(() => {
        writing = false;
      }),
      ...readers,
    ]);
  });

  test("TXN-2", "no watcher ever sees half of one", where, async (kit) => {
    const [writer, watcher] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    await writer.session.create("/p");
    const torn: string[] = [];
    let last = -1;
    const follower = new Follower(watcher.session.watchChildNodes("/p"));
    const names = new Follower(watcher.session.watchChildren("/p"));
    for (const round of range(100)) {
      const data = String(round);
      // In turn: two that appear, two that change, two that go.
      const operation = (path: string): TransactionOperation => {
        if (round % 3 === 0) return { type: "create", path, data };
        return round % 3 === 1 ? { type: "set", path, data } : { type: "delete", path };
      };
      await writer.session.transaction([operation("/p/a"), operation("/p/b")]);
      last = round % 3 === 2 ? -1 : round;
      // Now and then the watcher gets to see each state, and at other times many at once.
      if (round % 10 < 5) {
        await kit.until("the watcher sees it", soonMs(kit), () => {
          const seen = follower.last?.[0];
          return (seen ? Number(text(seen.node)) : -1) === last;
        });
      }
    }
    for (const children of follower.values) {
      const data = children?.map(({ node }) => text(node)) ?? [];
      if (data.length === 1 || new Set(data).size > 1) torn.push(data.join("|"));
    }
    for (const children of names.values) if (children?.length === 1) torn.push(children[0]?.name ?? "");
    await follower.stop();
    await names.stop();
    assert.ok(follower.values.length > 30);
    assert.deepEqual(torn, []);
  });

  test(
    "TXN-1",
    "a transaction is refused before any I/O where there are none",
    { ...elsewhere, needs: ["link"] },
    async (kit) => {
      const { session, coordinator, link } = await kit.client(steady(kit));
      await rejects(session.transaction(pair), "UNSUPPORTED", "not-applied");
      await rejects(coordinator.transaction(pair), "UNSUPPORTED", "not-applied");
      assert.deepEqual(await session.children("/"), []);
      await link.refuse();
      await suspended(kit, session);
      // Without contact, a call that came as far as the store would wait here.
      await kit.within(
        "the refusal",
        session.timeoutMs / 3,
        rejects(session.transaction(pair), "UNSUPPORTED"),
      );
    },
  );

  test(
    "TXN-1",
    "where there are none, one operation alone still works as one",
    { ...elsewhere },
    async (kit) => {
      const { session } = await kit.client();
      assert.deepEqual(await session.transaction([{ type: "create", path: "/a" }]), [
        { path: "/a", sequence: undefined },
      ]);
      await session.transaction([{ type: "check", path: "/a", ifVersion: 0 }]);
      const error = await rejects(
        session.transaction([{ type: "check", path: "/a", ifVersion: 1 }]),
        "BAD_VERSION",
      );
      assert.equal(error.operation, 0);
    },
  );

  test("TXN-2", "where there are none, nobody sees any of one", { ...elsewhere }, async (kit) => {
    const [writer, watcher] = [await kit.client(), await kit.client()];
    const names = follow(kit, watcher.session.watchChildren("/"));
    await kit.until("the watch", soonMs(kit), () => names.values.length > 0);
    for (let round = 0; round < 20; round += 1)
      await rejects(writer.session.transaction(pair), "UNSUPPORTED");
    await writer.session.create("/after");
    await kit.until("what came after", soonMs(kit), () => (names.last ?? []).length > 0);
    assert.deepEqual(
      new Set(names.values.flatMap((children) => children ?? []).map(({ name }) => name)),
      new Set(["after"]),
    );
  });
});
