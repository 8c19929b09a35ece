import type { Operation } from "@conclave/api/backend";
import { expireSession } from "@conclave/backend-etcd/testing";
import { Etcd3 } from "etcd3";
import { afterAll, describe, expect, test } from "vitest";
import {
  bytes,
  check,
  create,
  errorOf,
  linearizable,
  nearest,
  remove,
  requests,
  set,
  setUp,
  text,
} from "./helpers.js";

const setting = setUp();
const clients: Etcd3[] = [];
afterAll(() => {
  for (const client of clients) client.close();
});

/** Another program, that knows nothing of nodes. */
function foreign(): Etcd3 {
  const client = new Etcd3({ hosts: setting.server.url });
  clients.push(client);
  return client;
}

describe("one request", () => {
  const cases: [string, (path: string) => Operation[]][] = [
    ["create", (path) => [create(`${path}/new`)]],
    ["ephemeral create", (path) => [create(`${path}/new`, { ephemeral: true })]],
    ["sequential create", (path) => [create(`${path}/`, { sequential: true })]],
    ["create with parents that exist", (path) => [create(`${path}/new`, { parents: true })]],
    ["set", (path) => [set(path, "x")]],
    ["conditional set", (path) => [set(path, "x", 0)]],
    ["delete", (path) => [remove(path)]],
    ["transaction", (path) => [check(path), create(`${path}/a`), create(`${path}/a/b`), set(path, "x")]],
  ];
  test.each(cases)("serves: %s", async (_name, operations) => {
    const { session } = await setting.open();
    await session.commit([create("/node")], undefined);
    const before = await requests(setting.server.url);
    await session.commit(operations("/node"), undefined);
    const after = await requests(setting.server.url);
    expect((after.Txn ?? 0) - (before.Txn ?? 0)).toBe(1);
    expect(after.Range ?? 0).toBe(before.Range ?? 0);
    expect(after.Put ?? 0).toBe(before.Put ?? 0);
  });

  test("serves: get, children, enqueue, standing, leave, first", async () => {
    const { session } = await setting.open();
    await session.commit([create("/line")], undefined);
    const started = async () => {
      const { Txn = 0, Range = 0, Put = 0, DeleteRange = 0 } = await requests(setting.server.url);
      return Txn + Range + Put + DeleteRange;
    };
    const cost = async (call: () => Promise<unknown>) => {
      const before = await started();
      await call();
      return (await started()) - before;
    };
    const ticket = await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
    expect(await cost(() => session.get("/line", linearizable))).toBe(1);
    expect(await cost(() => session.children("/line", linearizable))).toBe(1);
    expect(await cost(() => session.childNodes("/line", linearizable))).toBe(1);
    expect(await cost(() => session.enqueue("/line", { label: "lock", data: bytes("") }, nearest))).toBe(1);
    expect(await cost(() => session.standing(ticket, nearest))).toBe(1);
    expect(await cost(() => session.entries("/line", 1))).toBe(1);
    expect(await cost(() => session.leave(ticket))).toBe(1);
  });
});

describe("what the tree refuses", () => {
  test("names the parent that is missing, and the operation", async () => {
    const { session } = await setting.open();
    const error = await errorOf(session.commit([create("/a"), create("/b/c")], undefined));
    expect(error).toMatchObject({ code: "NO_NODE", path: "/b", operation: 1, outcome: "not-applied" });
    expect(error.message).toContain("/b");
    expect(await session.get("/a", linearizable)).toBeUndefined();
  });

  const refusals: [string, Operation[], object][] = [
    ["a node that exists", [create("/p")], { code: "NODE_EXISTS", path: "/p", operation: 0 }],
    ["a child of an ephemeral node", [create("/e/x")], { code: "EPHEMERAL_PARENT", operation: 0 }],
    ["set of nothing", [set("/none")], { code: "NO_NODE", path: "/none" }],
    ["set of another version", [set("/p", "", 7)], { code: "BAD_VERSION", path: "/p" }],
    ["delete of a parent", [remove("/p")], { code: "NOT_EMPTY", path: "/p" }],
    ["delete of another version", [remove("/p/c", 7)], { code: "BAD_VERSION" }],
    ["check for nothing", [check("/p", false)], { code: "NODE_EXISTS" }],
    ["check of another version", [check("/p", true, 7)], { code: "BAD_VERSION" }],
    [
      "a parent deleted before its child",
      [remove("/p"), remove("/p/c")],
      { code: "NOT_EMPTY", operation: 0 },
    ],
    ["a parent with a new child", [remove("/p/c"), create("/p/d"), remove("/p")], { operation: 2 }],
    ["a child of what is deleted", [remove("/p/c"), create("/p/c/d")], { code: "NO_NODE", operation: 1 }],
    [
      "a child of a new ephemeral node",
      [create("/f", { ephemeral: true }), create("/f/d")],
      { code: "EPHEMERAL_PARENT", operation: 1 },
    ],
    ["a check after a set", [set("/p", "x"), check("/p", true, 0)], { code: "BAD_VERSION", operation: 1 }],
  ];
  test.each(refusals)("%s", async (_name, operations, expected) => {
    const { session } = await setting.open();
    await session.commit([create("/p"), create("/p/c"), create("/e", { ephemeral: true })], undefined);
    const before = await session.children("/p", linearizable);
    expect(await errorOf(session.commit(operations, undefined))).toMatchObject(expected);
    expect(await session.children("/p", linearizable)).toEqual(before);
  });

  test("what builds on earlier operations of the same transaction is done", async () => {
    const { session } = await setting.open();
    await session.commit([create("/p"), create("/p/c"), create("/p/c/d"), create("/p/c-1")], undefined);
    await session.commit(
      [remove("/p/c/d"), remove("/p/c"), remove("/p/c-1"), check("/p/c", false), remove("/p"), create("/q")],
      undefined,
    );
    expect(await session.children("/", linearizable)).toEqual([{ name: "q", sequence: undefined }]);
    expect(await session.commit([set("/q", "1"), check("/q", true, 1)], undefined)).toMatchObject([
      { version: 1 },
      {},
    ]);
  });

  test("a foreign key between the deleted children keeps their parent", async () => {
    const { session } = await setting.open();
    await session.commit([create("/p"), create("/p/a"), create("/p/z")], undefined);
    await foreign().put(`${setting.namespace}/p/m/deep`).value("theirs");
    const error = await errorOf(session.commit([remove("/p/a"), remove("/p/z"), remove("/p")], undefined));
    expect(error).toMatchObject({ code: "NOT_EMPTY", operation: 2 });
    expect(await session.children("/p", linearizable)).toHaveLength(2);
  });
});

describe("foreign keys (NODE-10)", () => {
  test("are listed and read, and a deep one breaks nothing", async () => {
    const { session } = await setting.open();
    const client = foreign();
    await client.put(`${setting.namespace}/x`).value("1");
    await client.put(`${setting.namespace}/deep/er/key`).value("2");
    expect(await session.children("/", linearizable)).toEqual([{ name: "x", sequence: undefined }]);
    expect(text(await session.get("/deep/er/key", linearizable))).toBe("2");
    expect(await session.children("/deep", linearizable)).toEqual([]);
    expect(await session.children("/deep/er", linearizable)).toEqual([{ name: "key", sequence: undefined }]);
    expect(await errorOf(session.commit([create("/deep/other")], undefined))).toMatchObject({
      code: "NO_NODE",
    });
    await session.commit([create("/deep/other/node", { parents: true })], undefined);
    expect(text(await session.get("/deep/er/key", linearizable))).toBe("2");
    expect(await session.get("/deep", linearizable)).toMatchObject({ version: 0 });
  });

  test("session keys show in no listing, not even an enclosing namespace's", async () => {
    await setting.open();
    const { session } = await setting.open({ namespace: "/" });
    const children = await session.children("/", linearizable);
    expect(children?.filter(({ name }) => /[^-\w]/.test(name))).toEqual([]);
    expect(children?.map(({ name }) => `/${name}`)).toContain(setting.namespace);
  });
});

test("a listing of several pages passes a deep subtree and misses nobody", async () => {
  const { session } = await setting.open();
  const client = foreign();
  const puts = [...Array(1_500).keys()].map((i) => client.put(`${setting.namespace}/b/${i}`).value(""));
  await Promise.all(puts.map((put) => put.exec()));
  for (const name of ["a", "b", "b-1", "c"]) await session.commit([create(`/${name}`)], undefined);
  const names = (await session.children("/", linearizable))?.map((child) => child.name);
  expect(names?.sort()).toEqual(["a", "b", "b-1", "c"]);
  expect(await session.children("/b", linearizable)).toHaveLength(1_500);
});

test("sequential children of one transaction are ordered too", async () => {
  const { session } = await setting.open();
  const results = await session.commit(
    [create("/a-", { sequential: true }), create("/b-", { sequential: true })],
    undefined,
  );
  const [first, second] = results;
  if (first?.type !== "create" || second?.type !== "create") throw new Error("not creates");
  expect(first.sequence).toBeLessThan(second.sequence ?? 0n);
  const listed = await session.children("/", linearizable);
  expect(new Map(listed?.map((child) => [`/${child.name}`, child.sequence]))).toEqual(
    new Map([
      [first.path, first.sequence],
      [second.path, second.sequence],
    ]),
  );
});

test("ancestors are made by many at once, and the root when it is gone", async () => {
  const { session } = await setting.open();
  await Promise.all(
    [...Array(10).keys()].map((i) => session.commit([create(`/a/b/c/${i}`, { parents: true })], undefined)),
  );
  expect(await session.children("/a/b/c", linearizable)).toHaveLength(10);
  const fresh = `${setting.namespace}-gone`;
  const { session: other } = await setting.open({ namespace: fresh });
  await foreign().delete().key(fresh);
  await other.commit([create("/x")], undefined);
  expect(await other.get("/", linearizable)).toMatchObject({ path: "/", version: 0 });
});

test("ancestors are not made below an ephemeral node", async () => {
  const { session } = await setting.open();
  await session.commit([create("/e", { ephemeral: true })], undefined);
  const error = await errorOf(session.commit([create("/e/x/y", { parents: true })], undefined));
  expect(error).toMatchObject({ code: "EPHEMERAL_PARENT", operation: 0 });
  expect(await errorOf(session.enqueue("/e/x", { label: "lock", data: bytes("") }, nearest))).toMatchObject({
    code: "EPHEMERAL_PARENT",
  });
});

test("a set of somebody else's ephemeral node leaves it theirs", async () => {
  const { session: owner } = await setting.open();
  const { session: other } = await setting.open();
  await owner.commit([create("/e", { ephemeral: true })], undefined);
  await other.commit([set("/e", "x")], undefined);
  expect(await other.get("/e", linearizable)).toMatchObject({ ephemeralOwner: owner.id, version: 1 });
});

test("a guard holds while the entry stands, and no longer", async () => {
  const { session } = await setting.open();
  const ticket = await session.enqueue("/line", { label: "latch", data: bytes("") }, nearest);
  await session.commit([create("/guarded")], ticket);
  await session.leave(ticket);
  const error = await errorOf(session.commit([set("/guarded", "late")], ticket));
  expect(error).toMatchObject({ code: "NOT_HELD", outcome: "not-applied" });
  expect(await session.get("/guarded", linearizable)).toMatchObject({ version: 0 });
});

test("a session that ended at the store writes nothing", async () => {
  const { session, facts } = await setting.open();
  const ticket = await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  await session.commit([create("/p")], undefined);
  await expireSession(setting.server.url, session.id);
  const calls = [
    () => session.commit([create("/x")], undefined),
    () => session.commit([create("/x", { ephemeral: true })], undefined),
    () => session.commit([set("/p", "x")], ticket),
    () => session.commit([remove("/p")], undefined),
    () => session.enqueue("/line", { label: "lock", data: bytes("") }, nearest),
    () => session.standing(ticket, nearest),
    () => session.renew(1_000),
  ];
  for (const call of calls) expect(await errorOf(call())).toMatchObject({ code: "SESSION_LOST" });
  expect(facts.ends).toHaveLength(1);
  const { session: witness } = await setting.open();
  expect(await witness.get("/x", linearizable)).toBeUndefined();
  expect(await witness.get("/p", linearizable)).toMatchObject({ version: 0 });
  expect(await witness.children("/line", linearizable)).toEqual([]);
});
