import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Opcode, startFrameProxy } from "./frame-proxy.js";
import { bytes, create, nearest, openSession, remove, text, until } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

test.each(["lock", "latch"] as const)(
  "INTEROP-1 entries are named as Curator's protected %s nodes",
  async (label) => {
    const { session } = await openSession(server.url);
    const ticket = await session.enqueue(`/named/${label}`, { label, data: bytes("me") }, nearest);
    expect(ticket.path).toMatch(new RegExp(`^/named/${label}/_c_${UUID}-${label}-[0-9]{10}$`));
    const node = await session.get(ticket.path, { linearizable: true });
    expect(node).toMatchObject({
      ephemeralOwner: session.id,
      createRevision: ticket.createRevision,
      version: 0,
    });
    expect(text(node?.data)).toBe("me");
  },
);

test("INTEROP-1 who is ahead is judged by the suffix among all children, whatever they are called", async () => {
  const { session } = await openSession(server.url);
  const foreign = (name: string) => session.commit([create(`/mixed/${name}`, { parents: true })], undefined);
  // As Curator without protection, and as a program that numbers in its own way, name their entries.
  await foreign("lock-0000000000");
  await foreign("zz-write-0000000001");
  await foreign("leases");
  await foreign("note-17");
  const first = await session.enqueue("/mixed", { label: "lock", data: bytes("") }, nearest);
  const second = await session.enqueue("/mixed", { label: "lock", data: bytes("") }, nearest);
  expect(first.ahead).toEqual([{ path: "/mixed/zz-write-0000000001", label: undefined }]);
  expect(second.ahead).toEqual([{ path: first.path, label: "lock" }]);
  expect((await session.entries("/mixed", 1))[0]?.path).toBe("/mixed/lock-0000000000");

  await session.commit([remove("/mixed/zz-write-0000000001")], undefined);
  expect(await session.standing(first, nearest)).toEqual({
    present: true,
    ahead: [{ path: "/mixed/lock-0000000000", label: undefined }],
  });
  await session.commit([remove("/mixed/lock-0000000000")], undefined);
  expect(await session.standing(first, nearest)).toEqual({ present: true, ahead: [] });
  await session.leave(first);
  await session.leave(first);
  expect(await session.standing(first, nearest)).toEqual({ present: false });
  expect((await session.entries("/mixed", 1))[0]?.path).toBe(second.path);
  await session.leave(second);
  expect((await session.entries("/mixed", 1))[0]).toBeUndefined();
  expect((await session.entries("/no-such-line", 1))[0]).toBeUndefined();
});

test("INTEROP-1 an empty parent that is deleted while it is joined, as the server deletes Curator's containers, is made again", async () => {
  const { session: other } = await openSession(server.url);
  const proxy = await startFrameProxy(server.url);
  onTestFinished(() => proxy.close());
  const { session } = await openSession(proxy.url);
  let deletions = 0;
  let [asked, answered] = [0, 0];
  proxy.onReply = ({ opcode }) => {
    if (opcode !== undefined && opcode !== Opcode.ping) answered += 1;
    return "forward";
  };
  proxy.onRequest = async ({ bytes: frame, opcode }) => {
    if (opcode === Opcode.ping) return "forward" as const;
    // Requests come together; each is looked at when those before it have been done.
    await until(() => answered === asked);
    asked += 1;
    const path = opcode === Opcode.create ? frame.toString("latin1") : "";
    // The entry's create, or that of its parent: what is above it goes just before, several times over.
    const above = path.includes("-lock-")
      ? ["/gone/line", "/gone"]
      : path.includes("/gone/line")
        ? ["/gone"]
        : [];
    for (const ancestor of deletions < 9 ? above : []) {
      const deleted = await other.commit([remove(ancestor)], undefined).catch(() => undefined);
      if (deleted !== undefined) deletions += 1;
    }
    return "forward" as const;
  };
  const ticket = await session.enqueue("/gone/line", { label: "lock", data: bytes("") }, nearest);
  expect(deletions).toBe(9);
  expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: [] });
});

test("NODE-1 the namespace's root is there for whoever creates below it, also when another program has deleted it", async () => {
  const { session } = await openSession(server.url, { namespace: "/vanishing/root" });
  const { session: other } = await openSession(server.url, { namespace: "/" });
  await other.commit([remove("/vanishing/root")], undefined);
  await other.commit([remove("/vanishing")], undefined);
  await session.commit([create("/below")], undefined);
  expect(await session.get("/below", { linearizable: true })).toBeDefined();
  await expect(session.commit([create("/missing/below")], undefined)).rejects.toMatchObject({
    code: "NO_NODE",
  });
});

test("LEAD-2 a line stays in order when the parent's counter overflows and goes on below zero", async () => {
  const { session } = await openSession(server.url);
  await session.commit([create("/overflow")], undefined);
  // As the server writes its signed 32-bit counter: ten characters at least, the sign included.
  const suffixes = [
    "2147483646",
    "2147483647",
    "-2147483648",
    "-2147483647",
    "-1000000000",
    "-999999999",
    "-000000001",
  ];
  for (const suffix of [...suffixes].reverse()) {
    await session.commit([create(`/overflow/_c_x-lock-${suffix}`)], undefined);
  }
  const entries = await session.entries("/overflow", suffixes.length);
  expect(entries.map(({ path }) => path.slice("/overflow/_c_x-lock-".length))).toEqual(suffixes);
});

test("LEAD-2 the create revision grows when the line itself is made anew and the suffix starts again", async () => {
  const { session } = await openSession(server.url);
  const old = await session.enqueue("/anew", { label: "latch", data: bytes("") }, nearest);
  await session.leave(old);
  await session.commit([remove("/anew")], undefined);
  const next = await session.enqueue("/anew", { label: "latch", data: bytes("") }, nearest);
  expect(next.path.slice(-10)).toBe(old.path.slice(-10));
  expect(next.createRevision > old.createRevision).toBe(true);
});

test("LEAD-4 a guarded write is refused without its entry, and with another session's", async () => {
  const { session } = await openSession(server.url);
  const { session: other } = await openSession(server.url);
  const ticket = await session.enqueue("/guard", { label: "lock", data: bytes("") }, nearest);
  await session.commit([create("/guarded")], ticket);
  await expect(other.commit([remove("/guarded")], ticket)).rejects.toMatchObject({ code: "NOT_HELD" });
  await session.leave(ticket);
  await expect(session.commit([remove("/guarded")], ticket)).rejects.toMatchObject({ code: "NOT_HELD" });
  expect(await session.get("/guarded", { linearizable: true })).toBeDefined();
});
