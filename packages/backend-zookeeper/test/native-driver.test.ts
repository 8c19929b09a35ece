import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { nativeDriver } from "../src/native-driver.js";
import { bytes } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

async function connect() {
  const fired: string[] = [];
  const connection = await nativeDriver.connect({
    host: server.host,
    port: server.port,
    sessionTimeoutMs: 2_000,
    resume: undefined,
    auth: [],
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    observer: { fired: (kind, path) => fired.push(`${kind} ${path}`), closed: () => {} },
  });
  onTestFinished(() => connection.drop("the test is over"));
  return { connection, fired };
}

const persistent = { data: bytes(""), ephemeral: false, sequential: false };

test("however often a node is read with a watch, one native watch stands, and fires once", async () => {
  const { connection, fired } = await connect();
  await connection.create({ path: "/node", ...persistent });
  for (let i = 0; i < 10; i++) {
    await connection.get("/node", { watch: true });
    await connection.exists("/node", { watch: true });
    await connection.children("/node", { watch: true });
    await connection.exists("/absent", { watch: true });
  }
  await connection.set("/node", bytes("1"), -1);
  await connection.create({ path: "/node/child", ...persistent });
  await connection.create({ path: "/absent", ...persistent });
  await connection.sync("/");
  expect(fired).toEqual(["data /node", "children /node", "data /absent"]);

  await connection.get("/node", { watch: true });
  await connection.set("/node", bytes("2"), -1);
  await connection.sync("/");
  expect(fired.slice(3)).toEqual(["data /node"]);
});

test("requests in flight when the connection is dropped end with an unknown outcome, later ones are not sent", async () => {
  const { connection } = await connect();
  const inFlight = [connection.get("/", { watch: false }), connection.sync("/")];
  connection.drop("enough");
  for (const request of inFlight) await expect(request).rejects.toMatchObject({ sent: true });
  await expect(connection.get("/", { watch: false })).rejects.toMatchObject({ sent: false });
});

test("the latest transaction seen grows with replies", async () => {
  const { connection } = await connect();
  await connection.create({ path: "/zxid", ...persistent });
  const stat = await connection.exists("/zxid", { watch: false });
  await vi.waitUntil(() => connection.lastZxid >= (stat?.czxid ?? 0n));
});
