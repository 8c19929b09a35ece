import { ReplyError } from "ioredis";
import { describe, expect, test } from "vitest";
import {
  bytes,
  create,
  direct,
  errorOf,
  eventually,
  linearizable,
  nearest,
  remove,
  set,
  setUp,
  text,
} from "./helpers.js";

const setting = setUp();

/** The namespace's base key, with the default prefix. */
function base(): string {
  return `conclave:{${setting.namespace}}`;
}

describe("the server's memory is full (OOM)", () => {
  test("writes are refused whole; reads, renewals, releases, deletes and close go on", async () => {
    const { session, facts } = await setting.open();
    await session.commit([create("/a"), create("/b"), create("/c", { ephemeral: true })], undefined);
    const ticket = await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
    await direct(setting.server.url, async (client) => {
      await client.config("SET", "maxmemory", "1");
      try {
        for (const operations of [[set("/a", "x"), create("/new")], [create("/e", { ephemeral: true })]]) {
          const error = await errorOf(session.commit(operations, undefined));
          expect(error).toMatchObject({ code: "STORE_ERROR", outcome: "not-applied" });
          expect(error.message).toMatch(/memory is full.*OOM/);
        }
        expect(await session.get("/a", linearizable)).toMatchObject({ version: 0 });
        await session.renew(1_000);
        await session.leave(ticket);
        await session.commit([remove("/b")], undefined);
        expect((await session.children("/", linearizable))?.map(({ name }) => name).sort()).toEqual([
          ...["a", "c", "line"],
        ]);
        await session.close();
      } finally {
        await client.config("SET", "maxmemory", "0");
      }
    });
    const { session: other } = await setting.open();
    expect(await other.get("/c", linearizable)).toBeUndefined();
    expect(facts.disconnections).toEqual([]);
  });
});

describe("another program's key in our place (WRONGTYPE)", () => {
  const places: Record<string, [string, (path: string) => Promise<unknown>]> = {
    "the children": [":c:/p", () => session().commit([set("/ok", "x"), create("/p/x")], undefined)],
    "the nodes of the session": [
      "o",
      () => session().commit([set("/ok", "x"), create("/e", { ephemeral: true })], undefined),
    ],
    "the watches": [":w:/p/y", () => session().commit([set("/ok", "x"), create("/p/y")], undefined)],
  };
  let current: Awaited<ReturnType<typeof setting.open>> | undefined;
  const session = () => {
    if (current === undefined) throw new Error("no session");
    return current.session;
  };
  for (const [what, [suffix, call]] of Object.entries(places)) {
    test(`${what}: refused, nothing of the commit is written, and their key is left alone`, async () => {
      current = await setting.open();
      await session().commit([create("/ok"), create("/p")], undefined);
      const key = base() + (suffix === "o" ? `:o:${session().id}` : suffix);
      await direct(setting.server.url, async (client) => {
        await client.set(key, "theirs");
        const error = await errorOf(call(key));
        expect(error).toMatchObject({ code: "STORE_ERROR", outcome: "not-applied" });
        expect(error.message).toContain(base());
        expect(await client.get(key)).toBe("theirs");
        expect(await session().get("/ok", linearizable)).toMatchObject({ version: 0 });
        await client.del(key);
      });
    });
  }

  test("in place of everything: no session is opened", async () => {
    await direct(setting.server.url, (client) => client.set(base(), "theirs"));
    const error = await errorOf(setting.open());
    expect(error).toMatchObject({ code: "CONNECT_FAILED" });
    expect(error.message).toContain(base());
    await direct(setting.server.url, (client) => client.del(base()));
  });
});

test("keys of other programs beside ours are neither seen nor touched (NODE-10)", async () => {
  const theirs = [
    `${setting.namespace}/a`,
    "conclave:other",
    `conclave:{${setting.namespace}}x`,
    "{x}:nodes",
  ];
  await direct(setting.server.url, async (client) => {
    for (const key of theirs) await client.set(key, "theirs");
    const { session } = await setting.open();
    await session.commit([create("/a"), create("/e", { ephemeral: true })], undefined);
    expect((await session.children("/", linearizable))?.map(({ name }) => name).sort()).toEqual(["a", "e"]);
    await session.commit([remove("/a")], undefined);
    await session.close();
    for (const key of theirs) expect(await client.get(key)).toBe("theirs");
    await client.del(...theirs);
  });
});

test("SCRIPT FLUSH goes unnoticed", async () => {
  const { session, facts } = await setting.open();
  await session.commit([create("/a")], undefined);
  await direct(setting.server.url, (client) => client.script("FLUSH"));
  await session.commit([set("/a", "b")], undefined);
  await direct(setting.server.url, (client) => client.script("FLUSH"));
  expect(text(await session.get("/a", linearizable))).toBe("b");
  expect(await session.renew(1_000)).toBeGreaterThan(0);
  expect(facts.disconnections).toEqual([]);
});

test("a server that is busy with a slow script: contact is lost, nothing is applied, and all goes on after it", async () => {
  const { session, facts } = await setting.open();
  await session.commit([create("/a")], undefined);
  await direct(setting.server.url, async (client) => {
    await client.config("SET", "lua-time-limit", "20");
    const slow = client.eval("while true do end", 0).catch((error: unknown) => error);
    await eventually(async () => {
      const error = await errorOf(session.commit([set("/a", "x")], undefined));
      expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
    });
    await eventually(() => expect(facts.disconnections.length).toBeGreaterThan(0));
    await direct(setting.server.url, (other) => other.script("KILL"));
    expect(await slow).toBeInstanceOf(ReplyError);
    await client.config("SET", "lua-time-limit", "5000");
  });
  await session.renew(10_000);
  await session.commit([set("/a", "after")], undefined);
  expect(await session.get("/a", linearizable)).toMatchObject({ version: 1 });
});

test("a server that becomes a replica: READONLY means no contact, and nothing is applied", async () => {
  const { session, facts } = await setting.open();
  await session.commit([create("/a")], undefined);
  await direct(setting.server.url, async (client) => {
    await client.replicaof("127.0.0.1", 1);
    try {
      const error = await errorOf(session.commit([set("/a", "x")], undefined));
      expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
      expect(error.message).toMatch(/read-only replica/);
      await eventually(() => expect(facts.disconnections).toHaveLength(1));
      const refused = await errorOf(setting.open({ options: { connectTimeoutMs: 1_000 } }));
      expect(refused).toMatchObject({ code: "CONNECT_FAILED" });
      expect(refused.message).toMatch(/read-only replica: name its master/);
    } finally {
      await client.replicaof("NO", "ONE");
    }
  });
  await session.renew(10_000);
  expect(await session.get("/a", linearizable)).toMatchObject({ version: 0 });
});

test("a replica that has lost its master (MASTERDOWN): no contact, and all goes on after it", async () => {
  const { session, facts } = await setting.open();
  await session.commit([create("/a")], undefined);
  await direct(setting.server.url, async (client) => {
    await client.config("SET", "replica-serve-stale-data", "no");
    await client.replicaof("127.0.0.1", 1);
    try {
      const error = await errorOf(session.get("/a", linearizable));
      expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
      expect(error.message).toMatch(/MASTERDOWN/);
      await eventually(() => expect(facts.disconnections).toHaveLength(1));
    } finally {
      await client.replicaof("NO", "ONE");
      await client.config("SET", "replica-serve-stale-data", "yes");
    }
  });
  await session.renew(10_000);
  expect(await session.get("/a", linearizable)).toMatchObject({ version: 0 });
});

test("a master with too few replicas (NOREPLICAS): no renewal counts, nothing is applied, and all goes on after it", async () => {
  const { session, facts } = await setting.open();
  await session.commit([create("/a")], undefined);
  await direct(setting.server.url, async (client) => {
    await client.config("SET", "min-replicas-to-write", "1");
    try {
      const denied = { code: "CONNECTION_LOST", outcome: "not-applied" };
      expect(await errorOf(session.commit([set("/a", "x")], undefined))).toMatchObject(denied);
      await eventually(() => expect(facts.disconnections).toHaveLength(1));
      await eventually(async () => {
        expect((await errorOf(session.renew(1_000))).message).toMatch(/too few replicas/);
      });
    } finally {
      await client.config("SET", "min-replicas-to-write", "0");
    }
  });
  await eventually(() => session.renew(10_000));
  expect(await session.get("/a", linearizable)).toMatchObject({ version: 0 });
});

test("a server that is stopped (SIGSTOP): a renewal gives the connection up, and the session goes on after it", async () => {
  const { session, facts } = await setting.open();
  await session.commit([create("/a")], undefined);
  await setting.server.control?.pause();
  try {
    expect(await errorOf(session.renew(200))).toMatchObject({ code: "CONNECTION_LOST", outcome: "unknown" });
    expect(facts.disconnections).toHaveLength(1);
    const error = await errorOf(session.commit([set("/a", "x")], undefined));
    expect(error).toMatchObject({ code: "CONNECTION_LOST", outcome: "not-applied" });
  } finally {
    await setting.server.control?.resume();
  }
  await session.renew(10_000);
  expect(await session.get("/a", linearizable)).toMatchObject({ version: 0 });
});
