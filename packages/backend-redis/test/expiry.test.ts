import { expect, test } from "vitest";
import { bytes, create, direct, eventually, Listing, linearizable, nearest, set, setUp } from "./helpers.js";

const setting = setUp();
const BOUND_MS = 250;

/** What the server's process counts itself, without the commands that ask for it. */
async function commands(): Promise<Record<string, number>> {
  return direct(setting.server.url, async (client) => {
    const counts: Record<string, number> = {};
    for (const [, name = "", calls] of (await client.info("commandstats")).matchAll(
      /^cmdstat_([\w|]+):calls=(\d+)/gm,
    )) {
      counts[name] = Number(calls);
    }
    return counts;
  });
}

test("SES-6 beside 200,000 other keys with a time to live, the nodes of a dead session are gone for all in time", {
  timeout: 120_000,
}, async () => {
  await direct(setting.server.url, (client) =>
    client.eval("for i = 1, 200000 do redis.call('SET', 'other:' .. i, 'x', 'EX', 3600) end", 0),
  );
  const sessionTimeoutMs = 1_000;
  const { session: watcher } = await setting.open({ sessionTimeoutMs: 60_000 });
  const { session: reader } = await setting.open({ sessionTimeoutMs: 60_000 });
  await watcher.commit([create("/p")], undefined);
  const children = new Listing();
  watcher.watchChildNodes("/p", children);
  await eventually(() => expect(children.snapshots).toBe(1));
  const { session: victim } = await setting.open({ sessionTimeoutMs });
  await victim.commit([create("/p/e", { ephemeral: true })], undefined);
  await victim.enqueue("/p", { label: "lock", data: bytes("") }, nearest);
  await eventually(() => expect(children.names?.size).toBe(2));
  const renewedAtMs = await victim.renew(1_000);
  const acknowledgedAtMs = performance.now();
  // It dies with its connection: nobody tells the server.
  victim.abandon();
  await eventually(() => expect(children.names?.size).toBe(0));
  const toldMs = performance.now() - acknowledgedAtMs;
  expect(await reader.children("/p", linearizable)).toEqual([]);
  expect(performance.now() - renewedAtMs, "and not before").toBeGreaterThan(sessionTimeoutMs);
  // This process, and the machine, may be late themselves.
  expect(toldMs).toBeLessThan(sessionTimeoutMs + BOUND_MS + 500);
  await direct(setting.server.url, (client) => client.flushall());
});

test("a reader sees nothing of a session whose key is gone, before anybody has cleared up", async () => {
  const { session: reader } = await setting.open();
  const { session: victim } = await setting.open();
  await victim.commit([create("/e", { ephemeral: true })], undefined);
  const ticket = await victim.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  await direct(setting.server.url, (client) => client.del(`conclave:{${setting.namespace}}:s:${victim.id}`));
  expect(await reader.get("/e", linearizable)).toBeUndefined();
  expect((await reader.children("/", linearizable))?.map(({ name }) => name)).toEqual(["line"]);
  expect(await reader.entries("/line", 10)).toEqual([]);
  expect((await reader.enqueue("/line", { label: "lock", data: bytes("") }, nearest)).ahead).toEqual([]);
  await reader.commit([create("/e", { ephemeral: true })], undefined);
  expect(await reader.get("/e", linearizable)).toMatchObject({ ephemeralOwner: reader.id, version: 0 });
  await victim.leave(ticket);
});

test("while all renew, nobody asks for more than renewals", async () => {
  const { session: watcher } = await setting.open({ sessionTimeoutMs: 1_000 });
  const children = new Listing();
  watcher.watchChildren("/", children);
  await eventually(() => expect(children.snapshots).toBe(1));
  setting.keepAlive(watcher);
  await direct(setting.server.url, (client) => client.config("RESETSTAT"));
  // Nothing else has this command. So many renewals take longer than the session would last without.
  await eventually(async () => expect((await commands()).pexpireat).toBeGreaterThanOrEqual(8));
  const { evalsha = 0, pexpireat = 0 } = await commands();
  // A machine that stalls has the deadline looked at.
  expect(evalsha - pexpireat, "requests that are no renewals").toBeLessThan(3);
});

test("one round trip each: get, set, create, transaction, enqueue, leave", async () => {
  const { session } = await setting.open();
  await session.commit([create("/a")], undefined);
  const count = async (call: () => Promise<unknown>): Promise<number> => {
    const before = await commands();
    await call();
    const after = await commands();
    return (after.evalsha ?? 0) - (before.evalsha ?? 0) + (after.eval ?? 0) - (before.eval ?? 0);
  };
  expect(await count(() => session.get("/a", linearizable))).toBe(1);
  expect(await count(() => session.commit([set("/a", "x")], undefined))).toBe(1);
  expect(await count(() => session.commit([create("/b/c/d", { parents: true })], undefined))).toBe(1);
  expect(await count(() => session.commit([create("/a/", { sequential: true })], undefined))).toBe(1);
  expect(await count(() => session.commit([set("/a"), create("/t")], undefined))).toBe(1);
  expect(await count(() => session.enqueue("/l", { label: "lock", data: bytes("") }, nearest))).toBe(1);
});

test("the stream of a session that does not read is bounded, and what was trimmed is made good", async () => {
  const { session: writer } = await setting.open();
  const { session: watcher } = await setting.open({ through: "proxy", sessionTimeoutMs: 60_000 });
  await writer.commit([create("/p"), create("/p/n")], undefined);
  const children = new Listing();
  watcher.watchChildNodes("/p", children);
  await eventually(() => expect(children.snapshots).toBe(1));
  await setting.proxy.refuse();
  const key = `conclave:{${setting.namespace}}:e:${watcher.id}`;
  const writes = Array.from({ length: 3_000 }, (_, i) => writer.commit([set("/p/n", String(i))], undefined));
  await Promise.all(writes);
  await writer.commit([create("/p/last")], undefined);
  await direct(setting.server.url, async (client) => {
    expect(await client.xlen(key)).toBeLessThan(1_500);
  });
  await setting.proxy.accept();
  await watcher.renew(10_000);
  await eventually(() => expect(children.names?.has("last")).toBe(true));
  expect(children.names?.get("n")).toBe("2999");
  expect(children.snapshots, "it was read whole").toBe(2);
  await watcher.renew(10_000);
  await direct(setting.server.url, async (client) => {
    expect(await client.xlen(key), "what was read is trimmed").toBeLessThanOrEqual(101);
  });
});

test("after a disconnection a listing is brought whole, and a node's watch goes on where it was", async () => {
  const { session: writer } = await setting.open();
  const { session: watcher } = await setting.open({ through: "proxy" });
  await writer.commit([create("/p")], undefined);
  const children = new Listing();
  watcher.watchChildNodes("/p", children);
  await eventually(() => expect(children.snapshots).toBe(1));
  const versions: (number | undefined)[] = [];
  watcher.watchNode("/p", { state: (node) => versions.push(node?.version), failed() {} });
  await eventually(() => expect(versions).toEqual([0]));
  await setting.proxy.refuse();
  for (const data of ["1", "2"]) await writer.commit([set("/p", data)], undefined);
  for (const name of ["a", "b", "c"]) await writer.commit([create(`/p/${name}`)], undefined);
  await setting.proxy.accept();
  await eventually(() => expect(children.names?.size).toBe(3));
  expect(children.snapshots).toBe(2);
  await eventually(() => expect(versions, "nothing was skipped").toEqual([0, 1, 2]));
});

test("a session that ended leaves no key behind", async () => {
  const { session: keeper } = await setting.open();
  const keys = () =>
    direct(setting.server.url, async (client) =>
      (await client.keys(`conclave:{${setting.namespace}}*`))
        .filter((key) => !key.includes(keeper.id))
        .sort(),
    );
  const before = await keys();
  const { session } = await setting.open();
  await session.commit([create("/e", { ephemeral: true })], undefined);
  await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  session.watchNode("/e", { state() {}, failed() {} });
  session.watchChildren("/", new Listing());
  await session.renew(1_000);
  await session.close();
  const extra = (await keys()).filter((key) => !before.includes(key));
  // The stream lives a little longer, for a reader that still waits there.
  expect(extra.filter((key) => !/:e:|:due$/.test(key))).toEqual([`conclave:{${setting.namespace}}:c:/`]);
});
