import { startRedis } from "@conclave/test-servers";
import { expect, test } from "vitest";
import { create, direct, errorOf, eventually, linearizable, set, setUp } from "./helpers.js";

/** Microseconds for each key that it loads: until that is taken back it takes half a minute. */
const setting = setUp(() =>
  startRedis({ controllable: true, appendonly: "everysec", config: { "key-load-delay": 1_000 } }),
);

test("a server that is loading its data (LOADING): no contact, and the session goes on after it", {
  timeout: 90_000,
}, async () => {
  const { session, facts } = await setting.open({ sessionTimeoutMs: 60_000 });
  await session.commit([create("/a"), create("/e", { ephemeral: true })], undefined);
  const versions: (number | undefined)[] = [];
  session.watchNode("/a", { state: (node) => versions.push(node?.version), failed() {} });
  await eventually(() => expect(versions).toEqual([0]));
  await direct(setting.server.url, (client) =>
    client.eval("for i = 1, 30000 do redis.call('SET', 'filler:' .. i, 'x') end", 0),
  );
  await setting.server.control?.restart({ signal: "SIGTERM" });
  await direct(setting.server.url, async (client) => {
    expect(await client.info("persistence"), "it is still loading").toContain("loading:1");
  });
  const error = await errorOf(session.commit([set("/a", "x")], undefined));
  expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
  await expect(setting.open({ options: { connectTimeoutMs: 2_000 } })).rejects.toMatchObject({
    code: "CONNECT_FAILED",
  });
  await direct(setting.server.url, (client) => client.config("SET", "key-load-delay", "0"));
  await session.renew(60_000);
  await eventually(() => session.commit([set("/a", "after")], undefined));
  expect(await session.get("/e", linearizable)).toMatchObject({ ephemeralOwner: session.id });
  await eventually(() => expect(versions.at(-1)).toBe(1));
  expect(facts.ends).toEqual([]);
});
