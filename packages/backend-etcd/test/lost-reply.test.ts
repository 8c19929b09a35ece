import type { BackendSession, OperationResult } from "@conclave/api/backend";
import { expireSession } from "@conclave/backend-etcd/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  bytes,
  check,
  create,
  errorOf,
  eventually,
  linearizable,
  nearest,
  type Opened,
  remove,
  set,
  setUp,
} from "./helpers.js";
import { startLateNetwork } from "./late-network.js";

const setting = setUp();

/** A session through the proxy, whose next reply to a request that contains `key` will be lost. */
async function losing(key: string): Promise<Opened & { lost: Promise<unknown> }> {
  const opened = await setting.open({ through: "proxy" });
  // With this reply, the key watch's own traffic at the start of a session is over.
  await opened.session.renew(5_000);
  return { ...opened, lost: loseReply(key) };
}

function loseReply(key: string): Promise<unknown> {
  return setting.proxy.dropReply({
    request: (chunk) => chunk.includes(`${setting.namespace}${key}`),
    // HTTP/2's own small frames (settings, window updates, pings) are no reply.
    reply: (chunk) => chunk.length > 60,
  });
}

function only(results: readonly OperationResult[]): OperationResult {
  const [result] = results;
  if (result === undefined || results.length !== 1) throw new Error(`${results.length} results`);
  return result;
}

async function names(session: BackendSession, path: string): Promise<string[]> {
  return (await session.children(path, linearizable))?.map(({ name }) => name) ?? [];
}

describe("a lost reply (OUT-3)", () => {
  test("to a sequential create: one node, and its sequence", async () => {
    const { session: other } = await setting.open();
    await other.commit([create("/q")], undefined);
    const { session, facts, lost } = await losing("/q/");
    const result = only(await session.commit([create("/q/job-", { sequential: true })], undefined));
    await lost;
    expect(facts.disconnections).toHaveLength(1);
    const children = await other.children("/q", linearizable);
    if (result.type !== "create") throw new Error(result.type);
    expect(children).toEqual([{ name: result.path.slice("/q/".length), sequence: result.sequence }]);
  });

  test("to a sequential create whose node others have taken since: not made again", async () => {
    const { session: other } = await setting.open();
    await other.commit([create("/q")], undefined);
    const { session, lost } = await losing("/q/");
    const creating = session.commit([create("/q/job-", { sequential: true })], undefined);
    await lost;
    await setting.proxy.refuse();
    const [name] = await names(other, "/q");
    expect(name).toBeDefined();
    await other.commit([remove(`/q/${name}`)], undefined);
    await setting.proxy.accept();
    expect(only(await creating)).toMatchObject({ path: `/q/${name}` });
    expect(await names(other, "/q")).toEqual([]);
  });

  test("to an ephemeral create: done, and not NODE_EXISTS", async () => {
    const { session, lost } = await losing("/e");
    expect(only(await session.commit([create("/e", { ephemeral: true })], undefined))).toMatchObject({
      path: "/e",
    });
    await lost;
    expect(await session.get("/e", linearizable)).toMatchObject({ ephemeralOwner: session.id, version: 0 });
  });

  test("to one of two ephemeral creates of one path: one is done, one is refused", async () => {
    const { session, lost } = await losing("/e");
    const outcomes = await Promise.allSettled([
      session.commit([create("/e", { ephemeral: true })], undefined),
      session.commit([create("/e", { ephemeral: true })], undefined),
    ]);
    await lost;
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const rejected = outcomes.find((outcome) => outcome.status === "rejected");
    expect(rejected?.reason).toMatchObject({ code: "NODE_EXISTS", outcome: "not-applied" });
  });

  test("to a refused ephemeral create: refused", async () => {
    const { session: other } = await setting.open();
    await other.commit([create("/e")], undefined);
    const { session, lost } = await losing("/e");
    const error = await errorOf(session.commit([create("/e", { ephemeral: true })], undefined));
    await lost;
    expect(error).toMatchObject({ code: "NODE_EXISTS", outcome: "not-applied" });
  });

  test("OUT-3 to a refused ephemeral create, twice: refused, and nothing is made", async () => {
    const { session: other } = await setting.open();
    await other.commit([create("/e")], undefined);
    const { session, lost } = await losing("/e");
    const failing = errorOf(session.commit([create("/e", { ephemeral: true })], undefined));
    await lost;
    const lostAgain = loseReply("/e");
    expect(await failing).toMatchObject({ code: "NODE_EXISTS", outcome: "not-applied" });
    await lostAgain;
    const node = await other.get("/e", linearizable);
    expect(node).toMatchObject({ ephemeralOwner: undefined, version: 0 });
  });

  test("OUT-3 to a transaction with an unconditional set and a sequential create: done once, with its versions", async () => {
    const { session: other } = await setting.open();
    await other.commit([create("/q"), create("/n")], undefined);
    const { session, lost } = await losing("/q/");
    const operations = [set("/n", "x"), create("/q/", { sequential: true, ephemeral: true })];
    const results = await session.commit(operations, undefined);
    await lost;
    const node = await other.get("/n", linearizable);
    expect(node).toMatchObject({ version: 1 });
    expect(results).toMatchObject([{ version: 1, modRevision: node?.modRevision }, {}]);
    expect(await names(other, "/q")).toEqual([Object(results[1]).path.slice("/q/".length)]);
  });

  test("to a transaction with a sequential create: all of its results", async () => {
    const { session: other } = await setting.open();
    await other.commit([create("/q"), create("/n")], undefined);
    const { session, lost } = await losing("/q/");
    const results = await session.commit(
      [check("/n"), create("/q/", { sequential: true }), set("/n", "x", 0)],
      undefined,
    );
    await lost;
    const node = await other.get("/n", linearizable);
    expect(node).toMatchObject({ version: 1 });
    expect(results).toMatchObject([{}, {}, { version: 1, modRevision: node?.modRevision }]);
    expect(await names(other, "/q")).toHaveLength(1);
  });

  test("to a create with parents that are missing", async () => {
    const { session, lost } = await losing("/a/b/");
    const create1 = create("/a/b/", { sequential: true, parents: true });
    const result = only(await session.commit([create1], undefined));
    await lost;
    expect(await names(session, "/a/b")).toEqual([Object(result).path.slice("/a/b/".length)]);
  });

  test("to enqueue: one entry, and who is ahead", async () => {
    const { session: other } = await setting.open();
    const ahead = await other.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
    const { session, lost } = await losing("/line/");
    const ticket = await session.enqueue("/line", { label: "lock", data: bytes("mine") }, nearest);
    await lost;
    expect(ticket.ahead).toEqual([{ path: ahead.path, label: undefined }]);
    expect(await names(other, "/line")).toHaveLength(2);
    expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: ticket.ahead });
  });

  test("OUT-3 to no request at all: enqueue's first sending, late, makes no second entry", async () => {
    const network = await startLateNetwork(setting.server.port);
    onTestFinished(() => network.close());
    const { session: other } = await setting.open();
    const { session } = await setting.open({ options: { hosts: network.url } });
    await session.renew(5_000);
    network.hold();
    const joining = session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
    await eventually(() => expect(network.held.includes(`${setting.namespace}/line/`)).toBe(true));
    // What a renewal sends comes after all of the request, and before its cancellation.
    const sent = network.held.length;
    const renewing = errorOf(session.renew(500));
    await eventually(() => expect(network.held.length).toBeGreaterThan(sent));
    network.lose();
    expect(await renewing).toMatchObject({ code: "CONNECTION_LOST" });
    const ticket = await joining;
    await session.leave(ticket);
    network.deliver();
    await eventually(() => expect(network.answered.includes(setting.namespace)).toBe(true));
    expect(await names(other, "/line")).toEqual([]);
    const next = await other.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
    expect(next.ahead).toEqual([]);
  });

  test("when the session ends before contact is back: over, and unknown", async () => {
    const { session: other } = await setting.open();
    await other.commit([create("/q")], undefined);
    const { session, lost } = await losing("/q/");
    const failing = errorOf(session.commit([create("/q/", { sequential: true })], undefined));
    await lost;
    await setting.proxy.refuse();
    await expireSession(setting.server.url, session.id);
    await setting.proxy.accept();
    expect(await failing).toMatchObject({ code: "SESSION_LOST", outcome: "unknown" });
    expect(await names(other, "/q")).toHaveLength(1);
  });

  test("when the session is given up before contact is back: unknown", async () => {
    const { session, lost } = await losing("/e");
    const failing = errorOf(session.commit([create("/e", { ephemeral: true })], undefined));
    await lost;
    await setting.proxy.refuse();
    session.abandon();
    expect(await failing).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
  });

  test.each([
    ["create", create("/n")],
    ["set", set("/p", "x")],
    ["delete", remove("/p")],
  ])("to a plain %s: unknown, and not sent again", async (_name, operation) => {
    const { session: other } = await setting.open();
    await other.commit([create("/p")], undefined);
    const { session, facts, lost } = await losing(operation.path);
    const error = await errorOf(session.commit([operation], undefined));
    await lost;
    expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
    await session.renew(5_000);
    await eventually(() => expect(facts.disconnections).toHaveLength(1));
    const node = await other.get(operation.path, linearizable);
    expect(node?.version).toBe({ create: 0, set: 1, delete: undefined }[operation.type]);
  });
});

test("receipts are cleared away: a session leaves one behind, whatever it does", async () => {
  const { session } = await setting.open();
  for (let i = 0; i < 20; i++) await session.commit([create("/s-", { sequential: true })], undefined);
  const body = JSON.stringify({
    key: Buffer.from(`${setting.namespace}\0`).toString("base64"),
    range_end: Buffer.from(`${setting.namespace}\x01`).toString("base64"),
    keys_only: true,
  });
  const reply = await fetch(`${setting.server.url}/v3/kv/range`, { method: "POST", body });
  const { kvs } = (await reply.json()) as { kvs: { key: string }[] };
  const keys = kvs.map(({ key }) => Buffer.from(key, "base64").toString());
  const own = keys.filter((key) => key.includes(session.id));
  expect(own).toHaveLength(2);
});
