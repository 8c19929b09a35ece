import type { BackendSession } from "@conclave/api/backend";
import { expireSession } from "@conclave/backend-redis/testing";
import { describe, expect, test } from "vitest";
import { commit, enqueue, type Script } from "../dist/scripts/index.js";
import { bytes, create, direct, linearizable, lostReplyCases, nearest, remove, setUp } from "./helpers.js";

const setting = setUp();

/** Loses the reply to the next of these requests that names the path. */
function loseReply(requests: string, path: string): Promise<unknown> {
  const named = new RegExp(`\\r\\n(${requests})\\r\\n`);
  return setting.proxy.dropReply({
    request: (chunk) => named.test(chunk.toString()) && chunk.includes(path),
    reply: (chunk) => chunk.toString().startsWith("*"),
  });
}

async function names(session: BackendSession, path: string): Promise<string[]> {
  return (await session.children(path, linearizable))?.map(({ name }) => name) ?? [];
}

lostReplyCases({
  sessions: setting,
  label: "lock",
  // A line is named without the slash that its entries have.
  loseReply: (path) => loseReply("commit|set|create|enqueue", path.replace(/\/$/, "")),
  expireSession: (id) => expireSession(setting.server.url, id),
});

test("OUT-3 a lost reply to enqueue, and then one to the question who is ahead: one entry", async () => {
  const { session: other } = await setting.open();
  const ahead = await other.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  const { session, facts } = await setting.open({ through: "proxy" });
  const lost = loseReply("enqueue", "/line");
  const joining = session.enqueue("/line", { label: "lock", data: bytes("mine") }, nearest);
  await lost;
  await loseReply("standing", "/line");
  expect((await joining).ahead).toEqual([{ path: ahead.path, label: "lock" }]);
  expect(facts.disconnections).toHaveLength(2);
  expect(await names(other, "/line")).toHaveLength(2);
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
