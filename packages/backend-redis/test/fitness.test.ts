import { inspect } from "node:util";
import { redis } from "@conclave/backend-redis";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { allScripts } from "../dist/scripts/index.js";
import { commandsIn, user } from "./access.js";
import { create, direct, errorOf, linearizable, setUp } from "./helpers.js";

const setting = setUp();

async function configured<T>(settings: Record<string, string>, run: () => Promise<T>): Promise<T> {
  return direct(setting.server.url, async (client) => {
    const before: [string, string][] = [];
    for (const [name, value] of Object.entries(settings)) {
      const [, old = ""] = (await client.config("GET", name)) as string[];
      before.push([name, old]);
      await client.config("SET", name, value);
    }
    try {
      return await run();
    } finally {
      for (const [name, value] of before) await client.config("SET", name, value);
    }
  });
}

describe("a server that cannot keep the contract is refused when the session is opened", () => {
  for (const policy of ["allkeys-lru", "allkeys-random", "volatile-ttl", "volatile-lru"]) {
    test(`maxmemory-policy ${policy}`, async () => {
      const error = await configured({ "maxmemory-policy": policy }, () => errorOf(setting.open()));
      expect(error).toMatchObject({ code: "CONNECT_FAILED" });
      expect(error.message).toContain(`maxmemory-policy is ${policy}`);
      expect(error.message).toContain("noeviction");
      expect(error.message).toContain(`127.0.0.1:${setting.server.port}`);
    });
  }

  test("persistence that is said to be better than it is", async () => {
    for (const [persistence, settings, message] of [
      ["always", { appendfsync: "everysec" }, /said to be "always", but the server has appendfsync everysec/],
      ["everysec", { appendonly: "no" }, /said to be "everysec", but the server has appendonly no/],
    ] as const) {
      const error = await configured(settings, () => errorOf(setting.open({ options: { persistence } })));
      expect(error).toMatchObject({ code: "CONNECT_FAILED", message: expect.stringMatching(message) });
    }
    const { session } = await setting.open({ options: { persistence: "everysec" } });
    expect(session.id).toBeDefined();
  });

  test("a database that the server does not have", async () => {
    const error = await errorOf(setting.open({ options: { database: 99 } }));
    expect(error).toMatchObject({ code: "CONNECT_FAILED", message: expect.stringMatching(/out of range/) });
  });

  test("nobody listens there", async () => {
    const error = await errorOf(setting.open({ options: { hosts: "127.0.0.1:1" } }));
    expect(error).toMatchObject({ code: "CONNECT_FAILED" });
    expect(error.message).toMatch(/127\.0\.0\.1:1: .*ECONNREFUSED/);
  });

  test("nobody answers there: it gives up in time", async () => {
    setting.proxy.blackHole();
    const error = await errorOf(setting.open({ through: "proxy", options: { connectTimeoutMs: 300 } }));
    expect(error).toMatchObject({ code: "CONNECT_FAILED", message: expect.stringMatching(/within 300 ms/) });
  });
});

describe("access control", () => {
  const password = "hunter2";
  afterEach(() => direct(setting.server.url, (client) => client.acl("DELUSER", "app", "closed")));

  async function anyUser(...rules: string[]): Promise<{ username: string; password: string }> {
    await direct(setting.server.url, (client) =>
      client.acl("SETUSER", "app", "reset", "on", `>${password}`, ...rules),
    );
    return { username: "app", password };
  }

  test("a wrong password is ACCESS_DENIED, and not repeated", async () => {
    await anyUser("allcommands", "allkeys");
    const auth = { username: "app", password: "hunter3" };
    const error = await errorOf(setting.open({ options: { auth } }));
    expect(error.message).toMatch(/WRONGPASS/);
    expect(error.code).toBe("ACCESS_DENIED");
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("hunter");
  });

  test("no password where one is needed is ACCESS_DENIED", async () => {
    await configured({ requirepass: "" }, async () => {
      await direct(setting.server.url, async (client) => {
        await client.config("SET", "requirepass", password);
        const error = await errorOf(setting.open());
        expect(error).toMatchObject({ code: "ACCESS_DENIED", message: expect.stringMatching(/NOAUTH/) });
        await client.config("SET", "requirepass", "");
      });
    });
  });

  test("the commands that are documented are those that are used", () => {
    const inScripts = allScripts.flatMap(({ source }) =>
      [...source.matchAll(/call\('([A-Z]+)'/g)].map(([, command = ""]) => command.toLowerCase()),
    );
    const beside = ["eval", "evalsha", "xread", "info", "config|get", "script|exists", "script|load"];
    expect(commandsIn(user.atServers).sort()).toEqual([...new Set([...inScripts, ...beside])].sort());
  });

  test("a user with the keys of the prefix and the commands that are used is enough, without INFO, CONFIG or SCRIPT", async () => {
    const auth = await anyUser(
      ...["~conclave:*", "+@read", "+@write", "+eval", "+evalsha", "+time", "-info", "-config", "-script"],
    );
    const { session } = await setting.open({ options: { auth } });
    await session.commit([create("/a", { ephemeral: true })], undefined);
    expect(await session.get("/a", linearizable)).toMatchObject({ ephemeralOwner: session.id });
  });

  test("keys that the user may not use are ACCESS_DENIED", async () => {
    const auth = await anyUser("~other:*", "allcommands");
    expect(await errorOf(setting.open({ options: { auth } }))).toMatchObject({ code: "ACCESS_DENIED" });
  });
});

describe("a client of the caller's", () => {
  test("says where and how to connect; it is neither used nor closed", async () => {
    const client = new Redis(setting.server.url, { db: 3, keyPrefix: "theirs:", connectionName: "theirs" });
    await client.set("x", "1");
    const before = await client.client("ID");
    const backend = redis({ client });
    const session = await backend.open({
      namespace: setting.namespace,
      sessionTimeoutMs: 10_000,
      connectTimeoutMs: 10_000,
      signal: new AbortController().signal,
      observer: { disconnected() {}, ended() {} },
    });
    await session.commit([create("/a")], undefined);
    expect(await client.exists(`conclave:{${setting.namespace}}`), "its own prefix is not ours").toBe(0);
    await direct(`${setting.server.url}/3`, async (other) => {
      expect(await other.exists(`conclave:{${setting.namespace}}`), "its database is ours").toBe(1);
    });
    await session.close();
    expect(client.status).toBe("ready");
    expect(await client.client("ID")).toBe(before);
    expect(await client.get("x")).toBe("1");
    client.disconnect();
  });
});
