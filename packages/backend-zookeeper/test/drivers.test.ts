import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ConnectOptions, Driver } from "../src/driver.js";
import { nativeDriver } from "../src/native-driver.js";
import { typescriptDriver } from "../src/typescript-driver.js";
import { bytes, provableDrivers, until } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

async function connect(driver: Driver, options: Partial<ConnectOptions> = {}) {
  const fired: string[] = [];
  const connection = await driver.connect({
    host: server.host,
    port: server.port,
    sessionTimeoutMs: 2_000,
    resume: undefined,
    lastZxid: 0n,
    auth: [],
    security: { tls: undefined, sasl: undefined, acl: undefined },
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    observer: { fired: (kind, path) => fired.push(`${kind} ${path}`), happened: () => {}, closed: () => {} },
    ...options,
  });
  onTestFinished(() => connection.drop("the test is over"));
  return { connection, fired };
}

const persistent = { data: bytes(""), ephemeral: false, sequential: false };

const drivers = { typescript: typescriptDriver, native: nativeDriver };

describe.each(provableDrivers())("%s driver", (name) => {
  const driver = drivers[name];

  test("however often a node is read with a watch, one native watch stands, and fires once", async () => {
    const { connection, fired } = await connect(driver);
    await connection.create({ path: `/node-${name}`, ...persistent });
    for (let i = 0; i < 10; i++) {
      await connection.get(`/node-${name}`, { watch: true });
      await connection.exists(`/node-${name}`, { watch: true });
      await connection.children(`/node-${name}`, { watch: true });
      await connection.exists(`/absent-${name}`, { watch: true });
    }
    await connection.set(`/node-${name}`, bytes("1"), -1);
    await connection.create({ path: `/node-${name}/child`, ...persistent });
    await connection.create({ path: `/absent-${name}`, ...persistent });
    await connection.sync("/");
    expect(fired).toEqual([`data /node-${name}`, `children /node-${name}`, `data /absent-${name}`]);

    await connection.get(`/node-${name}`, { watch: true });
    await connection.set(`/node-${name}`, bytes("2"), -1);
    await connection.sync("/");
    expect(fired.slice(3)).toEqual([`data /node-${name}`]);
  });

  test("requests in flight when the connection is dropped end with an unknown outcome, later ones are not sent", async () => {
    const { connection } = await connect(driver);
    const inFlight = [connection.get("/", { watch: false }), connection.sync("/")];
    // What was not handed to the network yet is known not to have been sent.
    await new Promise((resolve) => process.nextTick(resolve));
    connection.drop("enough");
    for (const request of inFlight) await expect(request).rejects.toMatchObject({ sent: true });
    await expect(connection.get("/", { watch: false })).rejects.toMatchObject({ sent: false });
  });

  test("the latest transaction seen grows with replies", async () => {
    const { connection } = await connect(driver);
    await connection.create({ path: `/zxid-${name}`, ...persistent });
    const stat = await connection.exists(`/zxid-${name}`, { watch: false });
    await until(() => connection.lastZxid >= (stat?.czxid ?? 0n));
  });

  test("one deletion ends the watches of both kinds that stand", async () => {
    const { connection, fired } = await connect(driver);
    await connection.create({ path: `/deleted-${name}`, ...persistent });
    await connection.get(`/deleted-${name}`, { watch: true });
    await connection.children(`/deleted-${name}`, { watch: true });
    await connection.delete(`/deleted-${name}`, -1);
    await connection.sync("/");
    expect([...fired].sort()).toEqual([`children /deleted-${name}`, `data /deleted-${name}`]);
  });

  test("a session is taken up again by its id and password, until it is over", async () => {
    const { connection } = await connect(driver);
    const { session } = connection;
    await connection.create({ path: `/mine-${name}`, ...persistent, ephemeral: true });
    connection.drop(new Error("enough"));
    const again = await connect(driver, { resume: session });
    const stat = await again.connection.exists(`/mine-${name}`, { watch: false });
    expect(stat?.ephemeralOwner).toBe(session.id);
    await again.connection.closeSession(5_000);
    await expect(connect(driver, { resume: session })).rejects.toMatchObject({ code: -112, sent: false });
  });

  test("a server that has not seen what the session has, refuses the connection", async () => {
    const { connection } = await connect(driver);
    const { session, lastZxid } = connection;
    connection.drop(new Error("enough"));
    const attempt = connect(driver, { resume: session, lastZxid: lastZxid + 1_000_000n });
    await expect(attempt).rejects.toThrow(/closed the connection without an answer/);
    await connect(driver, { resume: session, lastZxid });
  });

  test("codes come through, absence is no error of a read", async () => {
    const { connection } = await connect(driver);
    expect(await connection.get("/none", { watch: false })).toBeUndefined();
    expect(await connection.children("/none", { watch: false })).toBeUndefined();
    expect(await connection.exists("/none", { watch: false })).toBeUndefined();
    await expect(connection.set("/none", bytes(""), -1)).rejects.toMatchObject({ code: -101, sent: true });
    await expect(connection.delete("/zookeeper", 77)).rejects.toMatchObject({ sent: true });
  });

  test("an attempt at nobody says why", async () => {
    await expect(connect(driver, { port: 1 })).rejects.toThrow(/ECONNREFUSED/);
  });
});
