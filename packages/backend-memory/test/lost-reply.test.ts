import { expect, test } from "vitest";
import {
  apply,
  bytes,
  create,
  linearizable,
  nearest,
  open,
  outcomeOf,
  set,
  virtualCluster,
} from "./support.js";

const lostUnknown = { code: "CONNECTION_LOST", outcome: "unknown" };

test("OUT-3 dropNextReply on enqueue: one entry, and the ticket for it", async () => {
  const { cluster } = virtualCluster();
  const { backend, session, told } = await open({ cluster });
  backend.faults.dropNextReply();
  const ticket = await session.enqueue("/line", { label: "lock", data: bytes("me") }, nearest);
  expect(told).toEqual(["disconnected"]);
  expect(await session.children("/line", linearizable)).toHaveLength(1);
  expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: [] });
  expect(cluster.requests.of("enqueue")).toBe(1);
  expect(cluster.requests.of("resolve")).toBe(1);
});

test("OUT-3 an enqueue that never arrived: no entry, and the error says so", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster });
  backend.faults.delay(10);
  const ticket = outcomeOf(session.enqueue("/line", { label: "latch", data: bytes("") }, nearest));
  await clock.advance(5);
  backend.faults.cut();
  await clock.advance(100);
  expect(ticket.now()).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
  expect(cluster.nodes).toBe(0);
});

test("OUT-3 a second lost reply, to the question, does not matter", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 60_000 });
  backend.faults.dropNextReply();
  const ticket = outcomeOf(session.enqueue("/line", { label: "lock", data: bytes("") }, nearest));
  backend.faults.delay(10);
  await clock.advance(25);
  backend.faults.dropNextReply();
  await clock.advance(200);
  expect(cluster.requests.of("resolve")).toBe(2);
  expect(ticket.now()).toMatchObject({ line: "/line", ahead: [] });
  expect(cluster.nodes).toBe(2);
});

test("OUT-3 sequential and ephemeral creates are resolved, alone and in a transaction", async () => {
  const { cluster } = virtualCluster();
  const { backend, session } = await open({ cluster });
  await apply(session, create("/q"));
  backend.faults.dropNextReply();
  const [item] = await apply(session, create("/q/item-", { sequential: true }));
  backend.faults.dropNextReply();
  const [node] = await apply(session, create("/e", { ephemeral: true }));
  expect(node).toEqual({ type: "create", path: "/e", sequence: undefined });
  backend.faults.dropNextReply();
  const several = [
    create("/q/item-", { sequential: true }),
    set("/q", "x"),
    create("/q/item-", { sequential: true }),
  ];
  const results = await session.commit(several, undefined);
  const listed = await session.children("/q", linearizable);
  const made = [item, results[0], results[2]].map((result) => result?.type === "create" && result.path);
  expect(listed?.map((child) => `/q/${child.name}`).sort()).toEqual([...made].sort());
  expect(results[1]).toMatchObject({ type: "set", version: 1 });
});

test("OUT-1 what cannot be found out stays unknown", async () => {
  const { cluster } = virtualCluster();
  const { backend, session } = await open({ cluster });
  await apply(session, create("/n"));
  backend.faults.dropNextReply();
  await expect(apply(session, set("/n", "x"))).rejects.toMatchObject(lostUnknown);
  await session.renew(100);
  expect(await session.get("/n", linearizable)).toMatchObject({ version: 1 });
  // An ephemeral node of this session that an earlier call made is not taken for the new call's.
  await apply(session, create("/e", { ephemeral: true }));
  backend.faults.dropNextReply();
  await expect(apply(session, create("/e", { ephemeral: true }))).rejects.toMatchObject(lostUnknown);
});

test("OUT-3 a session that ends meanwhile leaves no entry and no waiting call", async () => {
  const { clock, cluster } = virtualCluster();
  const { backend, session } = await open({ cluster, timeoutMs: 1000 });
  backend.faults.dropNextReply();
  const ticket = outcomeOf(session.enqueue("/line", { label: "lock", data: bytes("") }, nearest));
  backend.faults.refuse();
  await clock.advance(2000);
  expect(ticket.now()).toBe("pending");
  backend.faults.accept();
  await clock.advance(0);
  expect(ticket.now()).toMatchObject({ code: "SESSION_LOST" });
  expect(cluster.nodes).toBe(0);
});

test("requests answered before the lost one are not harmed, those after it are unknown", async () => {
  const { cluster } = virtualCluster();
  const { backend, session } = await open({ cluster });
  const before = session.get("/", linearizable);
  await before;
  backend.faults.dropNextReply();
  const dropped = expect(apply(session, create("/a"))).rejects.toMatchObject(lostUnknown);
  const after = expect(apply(session, create("/b"))).rejects.toMatchObject(lostUnknown);
  await Promise.all([dropped, after]);
  await session.renew(100);
  expect(await session.get("/a", linearizable)).toBeDefined();
  expect(await session.get("/b", linearizable)).toBeUndefined();
});
