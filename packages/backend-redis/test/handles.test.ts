import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { bytes, create, eventually, Listing, linearizable, nearest, set, setUp, text } from "./helpers.js";

const setting = setUp();

/** What keeps this process alive. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return { timers: counts.Timeout ?? 0, sockets: counts.TCPSocketWrap ?? 0 };
}

/** What there is once the tests before, and the proxy, have done with theirs. */
async function settledHandles(): Promise<Record<string, number>> {
  let last = handles();
  for (let same = 0; same < 5; ) {
    await delay(10);
    const now = handles();
    same = now.timers === last.timers && now.sockets === last.sockets ? same + 1 : 0;
    last = now;
  }
  return last;
}

/** Runs it, and sees that no timer and no socket of it is left. */
async function leavingNothing(run: () => Promise<void>): Promise<void> {
  const before = await settledHandles();
  await run();
  const left = () => Object.entries(handles()).filter(([kind, count]) => count > (before[kind] ?? 0));
  // The proxy's own sockets end when it notices; and this test's own limit is a timer that is always there.
  const deadline = performance.now() + 5_000;
  while (left().length > 0 && performance.now() < deadline) await delay(10);
  expect(left()).toEqual([]);
}

test("close leaves no timer and no socket", async () => {
  await leavingNothing(async () => {
    const { session } = await setting.open();
    await session.enqueue("/l", { label: "lock", data: bytes("") }, nearest);
    session.watchChildren("/", new Listing());
    session.watchNode("/a", { state() {}, failed() {} });
    await session.renew(1_000);
    await session.close();
  });
});

test("close while it reconnects ends in time, and leaves no timer and no socket", async () => {
  await leavingNothing(async () => {
    const { session, facts } = await setting.open({ through: "proxy", sessionTimeoutMs: 1_000 });
    session.watchChildren("/", new Listing());
    await setting.proxy.refuse();
    await eventually(() => expect(facts.disconnections).toHaveLength(1));
    const renewing = session.renew(60_000).catch((error: unknown) => error);
    await session.close();
    expect(await renewing).toMatchObject({ code: "CONNECTION_LOST" });
    await setting.proxy.accept();
  });
});

test("abandon in the midst of everything leaves no timer and no socket, and nothing hangs", async () => {
  await leavingNothing(async () => {
    const { session } = await setting.open();
    await session.commit([create("/n")], undefined);
    session.watchNode("/n", { state() {}, failed() {} });
    const calls = Array.from({ length: 100 }, (_, i) => session.commit([set("/n", String(i))], undefined));
    const settled = Promise.allSettled(calls);
    session.abandon();
    // Some may have been served before.
    for (const outcome of await settled) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "CONNECTION_LOST" });
    }
  });
});

test("a client with odd options is only taken for where it connects", async () => {
  const client = new Redis({
    port: setting.server.port,
    keyPrefix: "theirs:",
    stringNumbers: true,
    enableAutoPipelining: true,
    showFriendlyErrorStack: true,
    commandTimeout: 1,
    readOnly: true,
    autoResendUnfulfilledCommands: true,
    maxRetriesPerRequest: 0,
    db: 3,
    scripts: { evalsha: { lua: "return 1", numberOfKeys: 0 } },
    lazyConnect: true,
  });
  const { session } = await setting.open({ options: { client, hosts: undefined } as never });
  const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
  await session.commit([create("/a", { data: binary })], undefined);
  expect((await session.get("/a", linearizable))?.data).toEqual(binary);
  const seen: (string | undefined)[] = [];
  session.watchNode("/a", { state: (node) => seen.push(text(node)), failed() {} });
  await eventually(() => expect(seen).toHaveLength(1));
  await session.commit([set("/a", "2")], undefined);
  await eventually(() => expect(seen.at(-1)).toBe("2"));
  expect(client.status).toBe("wait");
});
