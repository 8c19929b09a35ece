import { expect, test } from "vitest";
import { attach, create as createScript, end, open, type Script, watch } from "../dist/scripts/index.js";
import {
  bytes,
  create,
  direct,
  errorOf,
  eventually,
  Listing,
  linearizable,
  remove,
  setUp,
} from "./helpers.js";

const setting = setUp();
const base = () => `conclave:{${setting.namespace}}`;

/** All keys of the namespace but what stands for as long as it: its nodes, and the last sessions to be due. */
function leftovers(): Promise<string[]> {
  return direct(setting.server.url, async (client) => {
    const found: string[] = [];
    for await (const keys of client.scanStream({ match: `${base()}*`, count: 10_000 })) found.push(...keys);
    return found.filter((key) => ![base(), `${base()}:due`].includes(key)).sort();
  });
}

test("receipts do not pile up, neither with requests that are refused nor with those that are served", async () => {
  const { session } = await setting.open();
  await session.commit([create("/line")], undefined);
  for (let i = 0; i < 100; i++) {
    await session.commit([create("/e", { ephemeral: true })], undefined);
    expect((await errorOf(session.commit([create("/e", { ephemeral: true })], undefined))).code).toBe(
      "NODE_EXISTS",
    );
    await session.commit([remove("/e")], undefined);
  }
  const wave = () =>
    Array.from({ length: 64 }, (_, i) =>
      session.commit([create(`/line/${i}-`, { sequential: true })], undefined),
    );
  for (let i = 0; i < 10; i++) await Promise.all(wave());
  await direct(setting.server.url, async (client) => {
    expect(await client.hlen(`${base()}:r:${session.id}`)).toBeLessThan(64 + 8);
  });
});

test("10,000 sessions with a node, a watch and a stream each leave no key behind", {
  timeout: 120_000,
}, async () => {
  const { session: keeper } = await setting.open({ sessionTimeoutMs: 60_000 });
  setting.keepAlive(keeper);
  await keeper.commit([create("/p")], undefined);
  await direct(setting.server.url, async (client) => {
    const run = (script: Script, ...args: (string | number)[]) =>
      client.evalsha(script.sha, 1, base(), script.name, ...args);
    for (let first = 0; first < 10_000; first += 100) {
      const ids = Array.from({ length: 100 }, (_, i) => `abc${first + i}`);
      await Promise.all(ids.map((id) => run(open, "run", id, 60_000, 0)));
      await Promise.all(ids.map((id) => run(watch, id, "/p", "d")));
      await Promise.all(ids.map((id) => run(attach, id)));
      await run(createScript, keeper.id, `/p/${first}`, "x", "");
      await Promise.all(ids.map((id) => run(end, id)));
      await keeper.commit([remove(`/p/${first}`)], undefined);
    }
    // They stand for ten seconds more, for readers that still wait there.
    const streams = (await leftovers()).filter((key) => key.startsWith(`${base()}:e:`));
    for (const key of streams.slice(0, 100)) expect(await client.pttl(key)).toBeGreaterThan(0);
  });
  await eventually(async () => {
    expect(await leftovers()).toEqual([`${base()}:c:/`, `${base()}:d`, `${base()}:s:${keeper.id}`]);
  }, 30_000);
});

test("100,000 nodes that came and went leave no key behind", { timeout: 120_000 }, async () => {
  const { session } = await setting.open({ sessionTimeoutMs: 60_000 });
  await session.commit([create("/p")], undefined);
  const before = await leftovers();
  for (let first = 0; first < 100_000; first += 10_000) {
    const paths = Array.from({ length: 10_000 }, (_, i) => `/p/${first + i}`);
    const pieces = Array.from({ length: 100 }, (_, i) => paths.slice(i * 100, i * 100 + 100));
    await Promise.all(
      pieces.map((piece) =>
        session.commit(
          piece.map((path) => create(path)),
          undefined,
        ),
      ),
    );
    await Promise.all(
      pieces.map((piece) =>
        session.commit(
          piece.map((path) => remove(path)),
          undefined,
        ),
      ),
    );
  }
  expect(await leftovers()).toEqual(before);
  await direct(setting.server.url, async (client) => {
    expect((await client.hkeys(base())).sort()).toEqual(["/", "/p", "ahead", "clock", "rev", "run"]);
  });
});

test("a dead session's 100,000 nodes are deleted in pieces, and others are served between them", {
  timeout: 120_000,
}, async () => {
  const { session: other } = await setting.open({ sessionTimeoutMs: 60_000 });
  const { session: watcher } = await setting.open({ sessionTimeoutMs: 60_000 });
  const { session: owner } = await setting.open({ sessionTimeoutMs: 60_000 });
  await other.commit([create("/p")], undefined);
  const creates: Promise<unknown>[] = [];
  for (let first = 0; first < 100_000; first += 250) {
    const names = Array.from({ length: 250 }, (_, i) => `/p/${first + i}`);
    creates.push(
      owner.commit(
        names.map((path) => create(path, { ephemeral: true })),
        undefined,
      ),
    );
  }
  await Promise.all(creates);
  const children = new Listing();
  watcher.watchChildren("/p", children);
  await eventually(() => expect(children.names?.size).toBe(100_000), 30_000);
  owner.abandon();
  await direct(setting.server.url, (client) => client.del(`${base()}:s:${owner.id}`));
  await direct(setting.server.url, (client) => client.zadd(`${base()}:d`, 1, owner.id));
  await other.renew(10_000);
  expect(await other.get("/p/99999", linearizable), "gone for readers at once").toBeUndefined();
  await eventually(async () => {
    await other.renew(10_000);
    expect(children.names?.size).toBe(0);
  }, 60_000);
  await eventually(async () => {
    await other.renew(10_000);
    expect((await leftovers()).filter((key) => key.includes(owner.id))).toEqual([]);
  });
  await direct(setting.server.url, async (client) => {
    expect(await client.hlen(base()), "/, /p, rev, run and the clock").toBe(6);
  });
});

test("one commit that changes more than Lua can pass to a command is told all the same", {
  timeout: 60_000,
}, async () => {
  const { session: writer } = await setting.open({ sessionTimeoutMs: 60_000 });
  const { session: watcher } = await setting.open({ sessionTimeoutMs: 60_000 });
  await writer.commit([create("/p")], undefined);
  const children = new Listing();
  watcher.watchChildNodes("/p", children);
  await eventually(() => expect(children.snapshots).toBe(1));
  const paths = Array.from({ length: 5_000 }, (_, i) => `/p/${i}`);
  await writer.commit(
    paths.map((path) => create(path, { data: bytes("x") })),
    undefined,
  );
  await eventually(() => expect(children.names?.size).toBe(5_000));
  await writer.commit([create("/p/last")], undefined);
  await eventually(() => expect(children.names?.has("last")).toBe(true));
});

test("a namespace whose name has braces is a tree of its own, in one slot", async () => {
  const inner = `${setting.namespace}}:c:/x{`;
  const { session: outer } = await setting.open();
  const { session: other } = await setting.open({ namespace: inner });
  // Without care the latter's own key would be the former's children of "/x{}".
  await outer.commit([create("/x{}"), create("/x{}/a")], undefined);
  await other.commit([create("/b")], undefined);
  expect((await outer.children("/x{}", linearizable))?.map(({ name }) => name)).toEqual(["a"]);
  expect((await outer.children("/", linearizable))?.map(({ name }) => name)).toEqual(["x{}"]);
  expect((await other.children("/", linearizable))?.map(({ name }) => name)).toEqual(["b"]);
  await direct(setting.server.url, async (client) => {
    for (const key of await client.keys("conclave:*")) {
      expect(key, "one pair of braces around the namespace").toMatch(/^conclave:\{[^{}]*\}/);
    }
  });
});
