import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bytes, nothing, open } from "./support.js";

/* What can be done with nodes, one by one and in transactions. */

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper({ controllable: true, config: { extendedTypesEnabled: true } });
});
afterAll(() => server.stop());

describe("nodes", () => {
  test("are created, read, changed and deleted, with all of their stat", async () => {
    const { connection } = await open(server);
    const before = Date.now();
    const created = await connection.create("/basic", bytes("a"));
    expect(created.path).toBe("/basic");
    expect(created.stat).toMatchObject({
      version: 0,
      cversion: 0,
      aversion: 0,
      dataLength: 1,
      numChildren: 0,
    });
    expect(created.stat.czxid).toBeTypeOf("bigint");
    expect(created.stat.mzxid).toBe(created.stat.czxid);
    expect(created.stat.ephemeralOwner).toBe(0n);
    expect(Math.abs(created.stat.ctimeMs - before)).toBeLessThan(60_000);

    const changed = await connection.setData("/basic", bytes("bc"), 0);
    expect(changed).toMatchObject({ version: 1, dataLength: 2, czxid: created.stat.czxid });
    expect(changed.mzxid).toBeGreaterThan(created.stat.czxid);
    const read = await connection.getData("/basic");
    expect(read.data.toString()).toBe("bc");
    expect(read.stat).toEqual(changed);
    expect(await connection.exists("/basic")).toEqual(changed);
    expect(connection.lastZxid).toBeGreaterThanOrEqual(changed.mzxid);

    await connection.create("/basic/ü", nothing);
    await connection.create("/basic/b", nothing);
    const { children, stat } = await connection.getChildren("/basic");
    expect([...children].sort()).toEqual(["b", "ü"]);
    expect(stat).toMatchObject({ numChildren: 2, cversion: 2 });
    expect(await connection.countDescendants("/basic")).toBe(2);

    await expect(connection.delete("/basic")).rejects.toMatchObject({ code: "NOTEMPTY", path: "/basic" });
    await connection.delete("/basic/ü");
    await connection.delete("/basic/b", 0);
    await connection.delete("/basic", 1);
    expect(await connection.exists("/basic")).toBeUndefined();
  });

  test("of every kind can be made", async () => {
    const { connection } = await open(server);
    await connection.create("/kinds", nothing);
    const ephemeral = await connection.create("/kinds/e", nothing, { ephemeral: true });
    expect(ephemeral.stat.ephemeralOwner).toBe(connection.session.id);
    const sequential = await connection.create("/kinds/s-", nothing, { sequential: true });
    expect(sequential.path).toMatch(/^\/kinds\/s-[0-9]{10}$/);
    const both = await connection.create("/kinds/", nothing, { ephemeral: true, sequential: true });
    expect(both.path).toMatch(/^\/kinds\/[0-9]{10}$/);
    const container = await connection.create("/kinds/c", nothing, { container: true });
    expect(container.stat.ephemeralOwner).toBe(0n);
    const timed = await connection.create("/kinds/t", nothing, { ttlMs: 60_000 });
    expect(timed.stat.ephemeralOwner).toBe(0n);
    const timedSequential = await connection.create("/kinds/ts-", nothing, { ttlMs: 1, sequential: true });
    expect(timedSequential.path).toMatch(/^\/kinds\/ts-[0-9]{10}$/);
    expect([...(await connection.getEphemerals("/kinds"))].sort()).toEqual([both.path, "/kinds/e"]);
    await expect(connection.create("/kinds/e/x", nothing)).rejects.toMatchObject({
      code: "NOCHILDRENFOREPHEMERALS",
      number: -108,
    });
  });

  test("hold no data, all byte values, and as much as fits into a request", async () => {
    const { connection } = await open(server);
    await connection.create("/data", nothing);
    expect((await connection.getData("/data")).data).toHaveLength(0);
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    await connection.setData("/data", all);
    expect(Uint8Array.from((await connection.getData("/data")).data)).toEqual(all);
    const large = Buffer.alloc(1_000_000, "0123456789");
    await connection.setData("/data", large);
    const [first, second] = await Promise.all([connection.getData("/data"), connection.getData("/data")]);
    expect(first.data.equals(large)).toBe(true);
    expect(second.data.equals(large)).toBe(true);
    await expect(connection.setData("/data", Buffer.alloc(1_048_576))).rejects.toThrow(/1048601 bytes/);
    expect((await connection.exists("/data"))?.dataLength).toBe(1_000_000);
  });

  test("answer with the server's codes", async () => {
    const { connection } = await open(server);
    const failing = [
      [connection.getData("/none"), "NONODE", -101],
      [connection.setData("/none", nothing), "NONODE", -101],
      [connection.delete("/none"), "NONODE", -101],
      [connection.getChildren("/none"), "NONODE", -101],
      [connection.create("/none/x", nothing), "NONODE", -101],
      [connection.getAcl("/none"), "NONODE", -101],
      [connection.setData("/zookeeper", nothing, 77), "BADVERSION", -103],
      [connection.create("/zookeeper", nothing), "NODEEXISTS", -110],
      [connection.create("/acl", nothing, { acl: [] }), "INVALIDACL", -114],
    ] as const;
    for (const [request, code, number] of failing) {
      await expect(request).rejects.toMatchObject({ name: "ZooKeeperError", code, number });
    }
  });

  test("with wrong arguments are refused before anything is sent", async () => {
    const { connection } = await open(server);
    const paths = [
      "",
      "x",
      "/x/",
      "//",
      "/x//y",
      "/./x",
      "/..",
      "/x/..",
      "/\0",
      "/\u0007",
      "/\ud83d\ude00",
      "/\uffff",
    ];
    for (const path of paths) await expect(connection.getData(path), path).rejects.toThrow(TypeError);
    for (const path of ["/", "/a.b", "/...", "/..a/.b", "/ä/日本/x y"]) {
      await expect(connection.exists(path), path).resolves.not.toThrow();
    }
    await expect(connection.create("/x", nothing, { ephemeral: true, container: true })).rejects.toThrow(
      TypeError,
    );
    await expect(connection.create("/x", nothing, { ttlMs: 0 })).rejects.toThrow(/ttlMs/);
    await expect(connection.setData("/x", nothing, 1.5)).rejects.toThrow(/version/);
    // @ts-expect-error JavaScript may pass anything
    await expect(connection.setData("/x", "text")).rejects.toThrow(/Uint8Array/);
    // @ts-expect-error likewise
    await expect(connection.setAcl("/x", [{}])).rejects.toThrow(TypeError);
    // @ts-expect-error likewise
    await expect(connection.addWatch("/x", "forever")).rejects.toThrow(/persistent/);
  });
});

describe("transactions", () => {
  test("take effect as a whole", async () => {
    const { connection } = await open(server);
    const results = await connection.multi([
      { type: "create", path: "/m", data: nothing },
      { type: "create", path: "/m/s-", data: bytes("s"), sequential: true },
      { type: "create", path: "/m/e", data: nothing, ephemeral: true },
      { type: "set", path: "/m", data: bytes("new"), version: 0 },
      { type: "check", path: "/m", version: 1 },
      { type: "delete", path: "/m/e" },
    ]);
    expect(results.map(({ type }) => type)).toEqual(["create", "create", "create", "set", "check", "delete"]);
    // Servers before 3.9 leave out the stat.
    expect(results[1]).toMatchObject({ path: expect.stringMatching(/^\/m\/s-[0-9]{10}$/) });
    expect(results[3]).toMatchObject({ stat: { version: 1 } });
    expect((await connection.getData("/m")).data.toString()).toBe("new");
    expect(await connection.multi([])).toEqual([]);
  });

  test("name the operation that failed, and leave nothing behind", async () => {
    const { connection } = await open(server);
    const failed = connection.multi([
      { type: "create", path: "/m2", data: nothing },
      { type: "check", path: "/zookeeper", version: 99 },
      { type: "delete", path: "/m2" },
      { type: "create", path: "/m3", data: nothing },
      { type: "set", path: "/m3", data: bytes("x") },
    ]);
    await expect(failed).rejects.toMatchObject({ code: "BADVERSION", operation: 1, path: "/zookeeper" });
    expect(await connection.exists("/m2")).toBeUndefined();
  });

  test("make nodes of every kind", async () => {
    const { connection } = await open(server);
    const results = await connection.multi([
      { type: "create", path: "/mk", data: nothing },
      { type: "create", path: "/mk/c", data: nothing, container: true },
      { type: "create", path: "/mk/t", data: nothing, ttlMs: 60_000 },
      { type: "create", path: "/mk/ts-", data: nothing, ttlMs: 60_000, sequential: true },
      { type: "create", path: "/mk/c/e", data: nothing, ephemeral: true },
    ]);
    const paths = results.map((result) => (result.type === "create" ? result.path : undefined));
    expect(paths.slice(0, 3)).toEqual(["/mk", "/mk/c", "/mk/t"]);
    expect(paths[3]).toMatch(/^\/mk\/ts-[0-9]{10}$/);
    expect((await connection.exists("/mk/c/e"))?.ephemeralOwner).toBe(connection.session.id);
    expect((await connection.exists("/mk/t"))?.ephemeralOwner).not.toBe(connection.session.id);
  });

  test("with arguments that would be others on the wire are refused before anything is sent", async () => {
    const { connection } = await open(server);
    await connection.create("/wire", nothing);
    // Of the first two the lowest 32 bits are 0, which is the node's version, and -1, which is any.
    for (const version of [2 ** 32, 2 ** 32 - 1, 0.5, Number.NaN]) {
      for (const operation of [
        { type: "check", path: "/wire", version },
        { type: "set", path: "/wire", data: nothing, version },
        { type: "delete", path: "/wire", version },
      ] as const) {
        await expect(connection.multi([operation])).rejects.toThrow(/version/);
      }
    }
    // @ts-expect-error JavaScript may pass anything
    await expect(connection.multi([{ type: "update", path: "/wire" }])).rejects.toThrow(/"update"/);
    // @ts-expect-error likewise
    await expect(connection.multiRead([{ type: "stat", path: "/wire" }])).rejects.toThrow(/"stat"/);
    expect((await connection.exists("/wire"))?.version).toBe(0);
  });

  test("of reads let each fail for itself", async () => {
    const { connection } = await open(server);
    await connection.create("/mr", bytes("x"));
    const results = await connection.multiRead([
      { type: "data", path: "/mr" },
      { type: "data", path: "/none" },
      { type: "children", path: "/" },
    ]);
    expect(results[0]).toMatchObject({ type: "data", data: Buffer.from("x"), stat: { version: 0 } });
    expect(results[1]).toMatchObject({
      type: "error",
      error: { code: "NONODE", path: "/none", operation: 1 },
    });
    expect(results[2]).toMatchObject({
      type: "children",
      children: expect.arrayContaining(["mr", "zookeeper"]),
    });
  });
});
