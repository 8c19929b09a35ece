import { connect } from "@conclave/api";
import type { Operation } from "@conclave/api/backend";
import { zookeeper } from "@conclave/backend-zookeeper";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type FrameProxy, Opcode, startFrameProxy } from "./frame-proxy.js";
import { bytes, create, nearest, openSession, remove, set } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

let proxy: FrameProxy;
beforeEach(async () => {
  proxy = await startFrameProxy(server.url);
  onTestFinished(() => proxy.close());
});

const absent = (path: string): Operation => ({ type: "check", path, exists: false, ifVersion: undefined });
const linearizable = { linearizable: true } as const;

/** Holds the next transaction back until `act` is done. */
function holdBack(act: () => Promise<void>): () => boolean {
  let held = false;
  proxy.onRequest = async ({ opcode }) => {
    if (opcode === Opcode.multi && !held) {
      held = true;
      await act();
    }
    return "forward" as const;
  };
  return () => held;
}

/** Loses the reply to the next transaction, and the connection with it. */
function loseReply(): () => boolean {
  let lost = false;
  proxy.onReply = ({ opcode, cut }) => {
    if (opcode !== Opcode.multi || lost) return "forward";
    lost = true;
    cut();
    return "drop";
  };
  return () => lost;
}

describe("LEAD-4 a guard is judged with the write", () => {
  test("of an entry that is deleted while the write is on its way", async () => {
    const { session } = await openSession(proxy.url);
    const { session: other } = await openSession(server.url);
    await other.commit([create("/register")], undefined);
    const ticket = await session.enqueue("/entries", { label: "lock", data: bytes("") }, nearest);
    for (const operation of [set("/register", "late"), remove("/register"), create("/entries/late")]) {
      const ours = await session.enqueue("/entries", { label: "lock", data: bytes("") }, nearest);
      const wasHeld = holdBack(async () => void (await other.commit([remove(ours.path)], undefined)));
      await expect(session.commit([operation], ours)).rejects.toMatchObject({
        code: "NOT_HELD",
        outcome: "not-applied",
      });
      expect(wasHeld()).toBe(true);
    }
    await session.commit([set("/register", "held")], ticket);
    expect(await other.get("/register", linearizable)).toMatchObject({ version: 1 });
  });

  test("and again when the entry's data are changed while the write is on its way", async () => {
    const { session } = await openSession(proxy.url);
    const { session: other } = await openSession(server.url);
    await other.commit([create("/written")], undefined);
    const ticket = await session.enqueue("/changed", { label: "latch", data: bytes("") }, nearest);
    const wasHeld = holdBack(async () => void (await other.commit([set(ticket.path, "other")], undefined)));
    await session.commit([set("/written", "x")], ticket);
    expect(wasHeld()).toBe(true);
    expect(await other.get("/written", linearizable)).toMatchObject({ version: 1 });
  });

  test("of a claim that somebody else has made anew, of the same name, while the write is on its way", async () => {
    const options = { namespace: "/work", sessionTimeoutMs: 60_000 };
    const ours = await connect(zookeeper({ hosts: proxy.url }), options);
    const theirs = await connect(zookeeper({ hosts: server.url }), options);
    onTestFinished(async () => void (await Promise.all([ours.close(), theirs.close()])));
    await ours.create("/register");
    await ours.workQueue("/q").put("task");
    const task = await ours.workQueue("/q").take();
    const wasHeld = holdBack(async () => {
      await theirs.delete(task.path);
      const next = await theirs.workQueue("/q").take();
      expect(next).toMatchObject({ id: task.id, path: task.path, attempt: 2 });
      await next.set("/register", "theirs");
    });
    await expect(task.set("/register", "ours")).rejects.toMatchObject({
      code: "NOT_HELD",
      outcome: "not-applied",
    });
    expect(wasHeld()).toBe(true);
    expect(await theirs.get("/register", linearizable)).toMatchObject({ version: 1 });
  });
});

test("LEAD-4 a guarded create makes missing parents with it, or nothing", async () => {
  const { session } = await openSession(proxy.url);
  const { session: other } = await openSession(server.url);
  const ticket = await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  await session.commit([create("/new/parents/node", { parents: true })], ticket);
  expect(await other.get("/new/parents/node", linearizable)).toBeDefined();
  const wasHeld = holdBack(async () => void (await other.commit([remove(ticket.path)], undefined)));
  await expect(session.commit([create("/never/made", { parents: true })], ticket)).rejects.toMatchObject({
    code: "NOT_HELD",
  });
  expect(wasHeld()).toBe(true);
  expect(await other.get("/never", linearizable)).toBeUndefined();
});

describe("TXN-1 a check that there is no node", () => {
  const cases: [string, Operation[], object | undefined][] = [
    ["holds", [absent("/p/none")], undefined],
    ["holds below nothing", [absent("/none/x")], undefined],
    ["holds far below nothing", [absent("/none/x/y/z")], undefined],
    ["holds below an ephemeral node", [absent("/p/e/x")], undefined],
    ["holds below what was just deleted", [remove("/p/c"), absent("/p/c/x/y")], undefined],
    ["holds of what was just deleted", [remove("/p/c"), absent("/p/c")], undefined],
    ["holds of what is made next", [absent("/p/new"), create("/p/new")], undefined],
    ["holds above what is made next", [absent("/new/x"), create("/new"), create("/new/x")], undefined],
    ["fails", [absent("/p/c")], { code: "NODE_EXISTS", path: "/p/c", operation: 1 }],
    ["fails of the root", [absent("/")], { code: "NODE_EXISTS", path: "/", operation: 1 }],
    ["fails of what was just made", [create("/x"), absent("/x")], { code: "NODE_EXISTS", operation: 2 }],
  ];
  test.each(cases)("%s", async (name, operations, failure) => {
    const { session } = await openSession(server.url, { namespace: `/absence-${name.replaceAll(" ", "-")}` });
    await session.commit([create("/p"), create("/p/c")], undefined);
    await session.commit([create("/p/e", { ephemeral: true })], undefined);
    const commit = session.commit([set("/p", "x"), ...operations], undefined);
    if (failure === undefined) await commit;
    else await expect(commit).rejects.toMatchObject({ ...failure, outcome: "not-applied" });
    expect(await session.get("/p", linearizable)).toMatchObject({ version: failure === undefined ? 1 : 0 });
    const names = (await session.children("/", linearizable))?.map((child) => child.name);
    const made =
      failure === undefined && operations.some(({ type, path }) => type === "create" && path === "/new");
    expect(names?.sort()).toEqual(made ? ["new", "p"] : ["p"]);
  });

  test("of the root of the whole store fails", async () => {
    const { session } = await openSession(server.url, { namespace: "/" });
    const commit = session.commit([absent("/"), absent("/none")], undefined);
    await expect(commit).rejects.toMatchObject({ code: "NODE_EXISTS", operation: 0 });
  });
});

describe("the lost reply to a transaction", () => {
  test("OUT-3 is resolved by what it has made, and by what it alone has set", async () => {
    const { session, disconnections } = await openSession(proxy.url);
    await session.commit([create("/p"), create("/p/old")], undefined);
    const wasLost = loseReply();
    const results = await session.commit(
      [set("/p", "x"), create("/p/s-", { sequential: true }), create("/p/new"), remove("/p/old")],
      undefined,
    );
    expect(wasLost()).toBe(true);
    expect(disconnections).toHaveLength(1);
    const [written, made] = results;
    const node = await session.get("/p", linearizable);
    expect(written).toEqual({ type: "set", version: 1, modRevision: node?.modRevision });
    const children = await session.children("/p", linearizable);
    const [sequential] = children?.filter(({ sequence }) => sequence !== undefined) ?? [];
    expect(made).toEqual({
      type: "create",
      path: `/p/${sequential?.name}`,
      sequence: sequential?.sequence,
    });
    expect(results.slice(2)).toEqual([
      { type: "create", path: "/p/new", sequence: undefined },
      { type: "delete" },
    ]);
    expect(children).toHaveLength(2);
  });

  test("OUT-3 is resolved by an ephemeral node", async () => {
    const { session } = await openSession(proxy.url);
    await session.commit([create("/q")], undefined);
    const wasLost = loseReply();
    const results = await session.commit([set("/q", "x"), create("/e", { ephemeral: true })], undefined);
    expect(wasLost()).toBe(true);
    expect(results).toMatchObject([{ version: 1 }, { path: "/e" }]);
  });

  test("OUT-1 stays unknown when nothing tells, or somebody has changed what told", async () => {
    const { session } = await openSession(proxy.url);
    const { session: other } = await openSession(server.url);
    await other.commit([create("/r")], undefined);
    const unknown = { code: "CONNECTION_LOST", outcome: "unknown" };
    const wasLost = loseReply();
    const setting = session.commit([set("/r", "x"), create("/persistent")], undefined);
    await expect(setting).rejects.toMatchObject(unknown);
    expect(wasLost()).toBe(true);
    await session.renew(2_000);

    let lost = false;
    proxy.onReply = async ({ opcode, cut }) => {
      if (opcode !== Opcode.multi || lost) return "forward";
      lost = true;
      const names = (await other.children("/", linearizable))?.map(({ name }) => name);
      const made = names?.find((name) => name.startsWith("s-"));
      await other.commit([remove(`/${made}`)], undefined);
      cut();
      return "drop";
    };
    const creating = session.commit([set("/r", "y"), create("/s-", { sequential: true })], undefined);
    await expect(creating).rejects.toMatchObject(unknown);
    expect(lost).toBe(true);
    expect(await other.get("/r", linearizable)).toMatchObject({ version: 2 });
  });

  test("OUT-3 of a guarded create: one node", async () => {
    const { session } = await openSession(proxy.url);
    const ticket = await session.enqueue("/g", { label: "lock", data: bytes("") }, nearest);
    await session.commit([create("/made")], undefined);
    const wasLost = loseReply();
    const [made] = await session.commit([create("/made/s-", { sequential: true })], ticket);
    expect(wasLost()).toBe(true);
    const children = await session.children("/made", linearizable);
    expect(children).toHaveLength(1);
    expect(made).toMatchObject({ path: `/made/${children?.[0]?.name}`, sequence: children?.[0]?.sequence });
  });
});
