import { spawnNode, startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type FrameProxy, Opcode, startFrameProxy } from "./frame-proxy.js";
import { bytes, create, nearest, openSession, remove, until, usedDriver } from "./support.js";

/* What happens between two frames, or within one. */

let server: TestServer;
let proxy: FrameProxy;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());
beforeEach(async () => {
  proxy = await startFrameProxy(server.url);
});
afterEach(() => proxy.close());

const entry = { label: "lock", data: bytes("") } as const;

test("LEAD-1 an entry that is deleted while its place is read is not there, and never first", async () => {
  const { session: other } = await openSession(server.url);
  const { session } = await openSession(proxy.url);
  await other.enqueue("/standing", entry, nearest);
  const ticket = await session.enqueue("/standing", entry, nearest);
  let seen = false;
  let deleted = false;
  proxy.onReply = ({ opcode }) => {
    seen ||= opcode === Opcode.exists;
    return "forward";
  };
  proxy.onRequest = async ({ opcode, previous }) => {
    if (!deleted && opcode === Opcode.getChildren && previous === Opcode.exists) {
      deleted = true;
      await until(() => seen);
      await other.commit([remove(ticket.path)], undefined);
    }
    return "forward" as const;
  };
  expect(await session.standing(ticket, nearest)).toEqual({ present: false });
  expect(deleted).toBe(true);
});

test("LEAD-1 an entry that is deleted while its place is read again after a cut is not held, and never first", async () => {
  const { session: other } = await openSession(server.url);
  const { session, disconnections } = await openSession(proxy.url);
  const first = await other.enqueue("/joining", entry, nearest);
  let deleted: string | undefined;
  proxy.onReply = ({ opcode, cut }) => {
    if (opcode !== Opcode.getChildren || disconnections.length > 0) return "forward";
    cut();
    return "drop";
  };
  proxy.onRequest = async ({ opcode, previous }) => {
    if (deleted === undefined && opcode === Opcode.getChildren && previous === Opcode.exists) {
      const listed = (await other.children("/joining", { linearizable: true })) ?? [];
      deleted = listed.map(({ name }) => `/joining/${name}`).find((path) => path !== first.path);
      if (deleted !== undefined) await other.commit([remove(deleted)], undefined);
    }
    return "forward" as const;
  };
  await expect(session.enqueue("/joining", entry, nearest)).rejects.toMatchObject({ code: "NOT_HELD" });
  expect(disconnections).toHaveLength(1);
  expect(deleted).toBeDefined();
});

test("LEAD-4 a guarded create that has to be sent again is refused when its entry has gone meanwhile", async () => {
  const { session: other } = await openSession(server.url);
  const { session, disconnections } = await openSession(proxy.url);
  await session.commit([create("/guarded")], undefined);
  const ticket = await session.enqueue("/guard", entry, nearest);
  proxy.onRequest = ({ opcode, cut }) => {
    const creates = opcode === Opcode.create || opcode === Opcode.multi;
    if (!creates || disconnections.length > 0) return "forward";
    proxy.refusing = true;
    cut();
    return "drop";
  };
  const creating = session.commit([create("/guarded/item-", { sequential: true })], ticket);
  const refused = expect(creating).rejects.toMatchObject({ code: "NOT_HELD" });
  await until(() => disconnections.length === 1);
  await other.commit([remove(ticket.path)], undefined);
  proxy.refusing = false;
  await refused;
  expect(await other.children("/guarded", { linearizable: true })).toEqual([]);
});

test("OUT-3 of two creates of one path that lose their replies, none claims to have made the node", async () => {
  const { session } = await openSession(proxy.url);
  let lost = 0;
  proxy.onReply = ({ opcode, cut }) => {
    if (opcode !== Opcode.create || lost === 2) return "forward";
    if (++lost === 2) cut();
    return "drop";
  };
  const creation = create("/once", { ephemeral: true });
  const outcomes = await Promise.allSettled([1, 2].map(() => session.commit([creation], undefined)));
  expect(lost).toBe(2);
  const unknown = { status: "rejected", reason: { code: "CONNECTION_LOST", outcome: "unknown" } };
  expect(outcomes).toMatchObject([unknown, unknown]);
  expect((await session.get("/once", { linearizable: true }))?.ephemeralOwner).toBe(session.id);
});

test("SES-10 a process ends by itself when the connection is cut within a big reply and the session given up", async () => {
  const { session } = await openSession(server.url, { namespace: "/exit" });
  await session.commit([create("/big", { data: new Uint8Array(1_000_000) })], undefined);
  let cuts = 0;
  proxy.onReply = ({ bytes: reply, opcode, cut }) => {
    if (opcode !== Opcode.getData || reply.length < 1_000_000) return "forward";
    cuts++;
    proxy.refusing = true;
    cut(reply.subarray(0, 500_000));
    return "drop";
  };
  const child = spawnNode(new URL("./fixtures/client.js", import.meta.url), {
    args: ["abandon-after-big-read", proxy.url, usedDriver()],
  });
  await child.line(/ready/);
  child.send("go on");
  expect(await child.exit).toEqual({ code: 0, signal: null });
  expect(cuts).toBe(1);
  expect(child.stdout).toEqual(["ready", "CONNECTION_LOST", "done"]);
  expect(child.stderr).toEqual([]);
});
