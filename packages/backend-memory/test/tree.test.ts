import { expect, test } from "vitest";
import {
  apply,
  bytes,
  create,
  del,
  linearizable,
  nearest,
  open,
  set,
  text,
  virtualCluster,
} from "./support.js";

async function fresh() {
  const { cluster } = virtualCluster();
  return { cluster, ...(await open({ cluster })) };
}

test("NODE-2 the missing parent is named, or made with its ancestors", async () => {
  const { session } = await fresh();
  const refused = {
    code: "NO_NODE",
    path: "/a/b",
    operation: 0,
    message: "no node at /a/b, the parent of /a/b/c",
  };
  await expect(apply(session, create("/a/b/c"))).rejects.toMatchObject(refused);
  await apply(session, create("/a/b/c", { parents: true, ephemeral: true }));
  expect(await session.get("/a/b", linearizable)).toMatchObject({ ephemeralOwner: undefined });
  expect(await session.get("/a/b/c", linearizable)).toMatchObject({ ephemeralOwner: session.id });
});

test("NODE-3 an ephemeral node has no children, made directly, as an ancestor, or by a line", async () => {
  const { cluster, session } = await fresh();
  await apply(session, create("/e", { ephemeral: true }));
  const refused = { code: "EPHEMERAL_PARENT", path: "/e" };
  await expect(apply(session, create("/e/c"))).rejects.toMatchObject(refused);
  await expect(apply(session, create("/e/b/c", { parents: true }))).rejects.toMatchObject(refused);
  await expect(session.enqueue("/e", { label: "lock", data: bytes("") }, nearest)).rejects.toMatchObject(
    refused,
  );
  await expect(session.enqueue("/e/l", { label: "lock", data: bytes("") }, nearest)).rejects.toMatchObject(
    refused,
  );
  await expect(
    session.commit([create("/f", { ephemeral: true }), create("/f/c")], undefined),
  ).rejects.toMatchObject({
    code: "EPHEMERAL_PARENT",
    path: "/f",
    operation: 1,
  });
  expect(cluster.nodes).toBe(1);
});

test("TXN-1 operations build on each other; one that fails undoes all and is named", async () => {
  const { cluster, session } = await fresh();
  await session.commit([create("/a"), create("/a/b"), set("/a", "x", 0)], undefined);
  const failing = [del("/a/b"), del("/a"), create("/c"), del("/missing")];
  await expect(session.commit(failing, undefined)).rejects.toMatchObject({
    code: "NO_NODE",
    path: "/missing",
    operation: 3,
  });
  expect(cluster.nodes).toBe(2);
  await session.commit([del("/a/b"), del("/a"), create("/c")], undefined);
  expect(cluster.nodes).toBe(1);
  const early = session.commit([del("/c"), create("/c/d")], undefined);
  await expect(early).rejects.toMatchObject({ code: "NO_NODE", path: "/c", operation: 1 });
  const emptied = session.commit([create("/c/d"), del("/c")], undefined);
  await expect(emptied).rejects.toMatchObject({ code: "NOT_EMPTY", path: "/c", operation: 1 });
});

test("NODE-4 NODE-5 refusals carry code and path, and change nothing", async () => {
  const { session } = await fresh();
  await session.commit([create("/a"), create("/a/b")], undefined);
  const refusals = [
    [del("/a"), "NOT_EMPTY"],
    [del("/a/b", 1), "BAD_VERSION"],
    [set("/a", "x", 3), "BAD_VERSION"],
    [create("/a"), "NODE_EXISTS"],
    [create("/"), "NODE_EXISTS"],
    [{ type: "check", path: "/a", exists: false, ifVersion: undefined }, "NODE_EXISTS"],
    [{ type: "check", path: "/x", exists: true, ifVersion: undefined }, "NO_NODE"],
    [{ type: "check", path: "/a", exists: true, ifVersion: 1 }, "BAD_VERSION"],
    [set("/x", "x"), "NO_NODE"],
  ] as const;
  for (const [operation, code] of refusals) {
    await expect(apply(session, operation)).rejects.toMatchObject({
      code,
      path: operation.path,
      operation: 0,
    });
  }
  expect(await session.get("/a", linearizable)).toMatchObject({ version: 0 });
});

test("NODE-6 all of a commit has one revision, a check alone none", async () => {
  const { session } = await fresh();
  await session.commit([create("/a"), create("/b")], undefined);
  await session.commit([{ type: "check", path: "/a", exists: true, ifVersion: 0 }], undefined);
  const [result] = await apply(session, set("/a", "x"));
  const a = await session.get("/a", linearizable);
  const b = await session.get("/b", linearizable);
  expect(a?.createRevision).toBe(b?.createRevision);
  expect(a?.modRevision).toBe((b?.modRevision ?? 0n) + 1n);
  expect(result).toEqual({ type: "set", version: 1, modRevision: a?.modRevision });
});

test("NODE-7 sequential names begin as asked, are unique, and sort with their sequence", async () => {
  const { session } = await fresh();
  await apply(session, create("/q"));
  for (let i = 0; i < 12; i++) await apply(session, create("/q/job-", { sequential: true }));
  await apply(session, create("/q/", { sequential: true, ephemeral: true }));
  await session.commit(
    [create("/q/x", { sequential: true }), create("/q/x", { sequential: true })],
    undefined,
  );
  const children = (await session.children("/q", linearizable)) ?? [];
  expect(new Set(children.map((child) => child.name)).size).toBe(15);
  expect(children.filter((child) => child.name.startsWith("job-"))).toHaveLength(12);
  const sequences = children.map((child) => child.sequence ?? -1n);
  expect(sequences).toEqual([...sequences].sort((a, b) => Number(a - b)));
  expect(new Set(sequences).size).toBe(15);
});

test("a namespace is a subtree: paths, results and errors are relative to it", async () => {
  const { cluster } = virtualCluster();
  const { session } = await open({ cluster, namespace: "/shop/eu" });
  const whole = await open({ cluster });
  await apply(session, create("/n", { data: bytes("x") }));
  expect(await session.get("/n", linearizable)).toMatchObject({ path: "/n" });
  expect(await session.get("/", linearizable)).toMatchObject({ path: "/" });
  expect(await whole.session.get("/shop/eu/n", linearizable)).toMatchObject({ path: "/shop/eu/n" });
  await expect(apply(session, create("/x/y"))).rejects.toMatchObject({ code: "NO_NODE", path: "/x" });
  const ticket = await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  expect(ticket.path).toMatch(/^\/line\/lock-/);
  expect(await session.standing(ticket, nearest)).toMatchObject({ present: true });
  await expect(apply(session, del("/"))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("bytes are copied out, so that no reader writes into the store", async () => {
  const { session } = await fresh();
  await apply(session, create("/n", { data: bytes("mine") }));
  const read = await session.get("/n", linearizable);
  expect(text(read)).toBe("mine");
  read?.data.fill(0);
  expect(text(await session.get("/n", linearizable))).toBe("mine");
  const [child] = (await session.childNodes("/", linearizable)) ?? [];
  child?.node.data.fill(0);
  expect(text(await session.get("/n", linearizable))).toBe("mine");
});

test("each call is one request", async () => {
  const { backend, cluster, session } = await fresh();
  const other = await open({ cluster });
  cluster.requests.reset();
  backend.requests.reset();
  await apply(session, create("/n"));
  await session.get("/n", linearizable);
  const ticket = await session.enqueue("/a/line", { label: "lock", data: bytes("") }, nearest);
  await session.standing(ticket, nearest);
  await session.leave(ticket);
  await session.renew(100);
  await other.session.get("/n", linearizable);
  expect(cluster.requests.total).toBe(6);
  expect(backend.requests.total).toBe(5);
  for (const method of ["commit", "get", "enqueue", "standing", "leave", "renew"] as const) {
    expect([method, backend.requests.of(method)]).toEqual([method, 1]);
  }
});
