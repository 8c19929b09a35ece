import { expireSession } from "@conclave/backend-zookeeper/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { startFrameProxy } from "./frame-proxy.js";
import { collect, create, openSession, setUpProxied, until } from "./support.js";

const at = setUpProxied();

test("SES-7 a half-open connection is replaced when a renewal goes unanswered; the session goes on", async () => {
  const { session, disconnections, ends } = await openSession(at.proxy.url);
  await session.commit([create("/kept", { ephemeral: true })], undefined);
  await session.renew(1_500);
  at.proxy.halfOpen();
  await expect(session.renew(200)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  await session.renew(1_500);
  expect((await session.get("/kept", { linearizable: true }))?.ephemeralOwner).toBe(session.id);
  expect(disconnections).toHaveLength(1);
  expect(ends).toEqual([]);
});

test("SES-7 a black hole shorter than the timeout costs neither the session nor its watches", async () => {
  const { session, ends } = await openSession(at.proxy.url);
  const { session: other } = await openSession(at.server.url);
  await session.commit([create("/watched", { ephemeral: true })], undefined);
  const sink = collect();
  session.watchNode("/watched", sink);
  await until(() => sink.states.length === 1);
  await session.renew(1_500);
  at.proxy.blackHole();
  await expect(session.renew(500)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  await other.commit(
    [{ type: "set", path: "/watched", data: new Uint8Array(1), ifVersion: undefined }],
    undefined,
  );
  at.proxy.heal();
  await session.renew(1_000);
  await until(() => sink.states.at(-1)?.version === 1);
  expect(ends).toEqual([]);
});

test("READ-1 each new connection says what the session has seen", async () => {
  const between = await startFrameProxy(at.server.url);
  onTestFinished(() => between.close());
  const { session, disconnections } = await openSession(between.url);
  const [made] = await session.commit([create("/seen")], undefined);
  expect(made).toMatchObject({ path: "/seen" });
  const node = await session.get("/seen", { linearizable: true });
  between.onRequest = ({ cut }) => {
    cut();
    return "drop";
  };
  await expect(session.get("/seen", { linearizable: false })).rejects.toMatchObject({
    code: "CONNECTION_LOST",
  });
  between.onRequest = () => "forward";
  await session.renew(1_500);
  expect(disconnections).toHaveLength(1);
  expect(between.seen[0]).toBe(0n);
  expect(between.seen.at(-1)).toBeGreaterThanOrEqual(node?.modRevision ?? 1n << 62n);
});

test("silence is noticed within the timeout, without anybody renewing", async () => {
  const { disconnections, ends, session } = await openSession(at.proxy.url);
  at.proxy.blackHole();
  await vi.waitUntil(() => disconnections.length === 1, { timeout: 5_000 });
  expect(disconnections[0]).toMatchObject({ message: expect.stringMatching(/no answer for|was silent for/) });
  // Longer than the timeout: the server's verdict comes with the next contact.
  await vi.waitUntil(async () => (await sessionsOfServer()).includes(session.id) === false, {
    timeout: 10_000,
  });
  at.proxy.heal();
  await vi.waitUntil(() => ends.length === 1, { timeout: 5_000 });
  await expect(session.get("/", { linearizable: false })).rejects.toMatchObject({ code: "SESSION_LOST" });
});

async function sessionsOfServer(): Promise<string> {
  const { fourLetterWord } = await import("@conclave/test-servers");
  return fourLetterWord(at.server.host, at.server.port, "dump", 2_000);
}

test("without contact calls reject at once, not applied, and nothing is sent later", async () => {
  const { session, disconnections } = await openSession(at.proxy.url);
  await at.proxy.refuse();
  await until(() => disconnections.length === 1);
  const notApplied = { code: "CONNECTION_LOST", outcome: "not-applied" };
  await expect(session.commit([create("/never")], undefined)).rejects.toMatchObject(notApplied);
  await expect(session.commit([create("/never", { ephemeral: true })], undefined)).rejects.toMatchObject(
    notApplied,
  );
  await expect(session.get("/never", { linearizable: false })).rejects.toMatchObject(notApplied);
  await at.proxy.accept();
  await session.renew(1_500);
  expect(await session.get("/never", { linearizable: true })).toBeUndefined();
});

test("SES-6 close takes the ephemeral nodes away at once, and tells nobody of a disconnection", async () => {
  const { session, disconnections, ends } = await openSession(at.proxy.url);
  const { session: other } = await openSession(at.server.url);
  await session.commit([create("/mine", { ephemeral: true })], undefined);
  await session.close();
  expect(await other.get("/mine", { linearizable: true })).toBeUndefined();
  expect([...disconnections, ...ends]).toEqual([]);
  await session.close();
});

test("SES-6 a session that is given up is left to the server's clock", async () => {
  const { session } = await openSession(at.proxy.url);
  const { session: other } = await openSession(at.server.url);
  await session.commit([create("/left", { ephemeral: true })], undefined);
  session.abandon();
  await expect.poll(() => at.proxy.connections).toBe(0);
  expect(await other.get("/left", { linearizable: true })).toBeDefined();
  await vi.waitUntil(async () => (await other.get("/left", { linearizable: true })) === undefined, {
    timeout: 10_000,
  });
});

test("SES-10 close settles while the server is silent, without blocking the event loop", async () => {
  const { session } = await openSession(at.proxy.url);
  at.proxy.blackHole();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 10);
  onTestFinished(() => clearInterval(timer));
  await expect(session.close()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  expect(ticks).toBeGreaterThan(10);
});

test("SES-4 a session that was ended at the server is reported once and stays ended", async () => {
  const { session, ends } = await openSession(at.proxy.url);
  const { session: other } = await openSession(at.server.url);
  await session.commit([create("/victim", { ephemeral: true })], undefined);
  await at.proxy.refuse();
  await expireSession(at.server.url, session.id);
  expect(await other.get("/victim", { linearizable: true })).toBeUndefined();
  await at.proxy.accept();
  await until(() => ends.length === 1);
  await expect(session.renew(1_000)).rejects.toMatchObject({ code: "SESSION_LOST" });
  await expect(session.commit([create("/victim")], undefined)).rejects.toMatchObject({
    code: "SESSION_LOST",
  });
  await expect(expireSession(at.server.url, session.id)).rejects.toThrow(/no session/);
});
