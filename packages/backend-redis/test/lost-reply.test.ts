import type { BackendSession, OperationResult } from "@conclave/api/backend";
import { expireSession } from "@conclave/backend-redis/testing";
import { describe, expect, test } from "vitest";
import { commit, enqueue, type Script } from "../dist/scripts/index.js";
import {
  bytes,
  check,
  create,
  direct,
  errorOf,
  eventually,
  linearizable,
  nearest,
  type Opened,
  remove,
  set,
  setUp,
} from "./helpers.js";

const setting = setUp();

/** A session through the proxy, whose next reply to a request that contains `key` will be lost. */
async function losing(key: string): Promise<Opened & { lost: Promise<unknown> }> {
  const opened = await setting.open({ through: "proxy" });
  return { ...opened, lost: loseReply(key) };
}

function loseReply(key: string): Promise<unknown> {
  return setting.proxy.dropReply({
    request: (chunk) => /\r\n(commit|set|create|enqueue)\r\n/.test(chunk.toString()) && chunk.includes(key),
    reply: (chunk) => chunk.toString().startsWith("*"),
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
    const { session, lost } = await losing("/line");
    const ticket = await session.enqueue("/line", { label: "lock", data: bytes("mine") }, nearest);
    await lost;
    expect(ticket.ahead).toEqual([{ path: ahead.path, label: "lock" }]);
    expect(await names(other, "/line")).toHaveLength(2);
    expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: ticket.ahead });
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

describe("a first sending that arrives after its repetition", () => {
  /** Runs a script as the session would, past it. */
  const run = (script: Script, sessionId: string, ...args: (string | number)[]) =>
    direct(setting.server.url, (client) => {
      const base = `conclave:{${setting.namespace}}`;
      return client.eval(script.source, 1, base, script.name, sessionId, ...args);
    });

  test("of an entry that was left since: makes no second one", async () => {
    const { session } = await setting.open();
    const request = ["", "/line", "lock-00000000000000000000", "", "", 1];
    const reply = await run(enqueue, session.id, "abc", 1, ...request);
    await session.commit([remove("/line/lock-00000000000000000000")], undefined);
    expect(await run(enqueue, session.id, "abc", 0, ...request)).toEqual(reply);
    expect(await names(session, "/line")).toEqual([]);
  });

  test("of a create that was refused: is refused, although nothing speaks against it any more", async () => {
    const { session } = await setting.open();
    await session.commit([create("/e")], undefined);
    const request = ["", "", "", "create", "/e", "", "", "e"];
    expect(await run(commit, session.id, "abc", 1, ...request)).toEqual([1, "NODE_EXISTS", "/e", 0]);
    await session.commit([remove("/e")], undefined);
    expect(await run(commit, session.id, "abc", 0, ...request)).toEqual([1, "NODE_EXISTS", "/e", 0]);
    expect(await session.get("/e", linearizable)).toBeUndefined();
  });
});

test("receipts are cleared away: a session leaves one behind, whatever it does", async () => {
  const { session } = await setting.open();
  for (let i = 0; i < 20; i++) await session.commit([create("/s-", { sequential: true })], undefined);
  const key = `conclave:{${setting.namespace}}:r:${session.id}`;
  expect(await direct(setting.server.url, (client) => client.hlen(key))).toBe(1);
});
