import { randomUUID } from "node:crypto";
import { fourLetterWord, startProxy, startServer, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "./echo.js";
import { get, put } from "./etcd-http.js";

describe("in front of real servers", () => {
  let etcd: TestServer;
  let zookeeper: TestServer;

  beforeAll(async () => {
    [etcd, zookeeper] = await Promise.all([startServer("etcd"), startServer("zookeeper")]);
  });

  afterAll(async () => {
    await Promise.all([etcd.stop(), zookeeper.stop()]);
  });

  it("takes the form of the server's url", async () => {
    const [a, b] = await Promise.all([startProxy({ target: etcd }), startProxy({ target: zookeeper })]);
    expect(a.url).toBe(`http://127.0.0.1:${a.port}`);
    expect(b.url).toBe(`127.0.0.1:${b.port}`);
    await Promise.all([a.close(), b.close()]);
  });

  it("etcd: a write whose reply was dropped has happened", async () => {
    const between = await startProxy({ target: etcd });
    const key = `/dropped/${randomUUID()}`;
    const dropped = between.dropReply();
    await expect(put(between.url, key, "done")).rejects.toThrow();
    await dropped;
    expect(await get(between.url, key)).toBe("done");
    await between.close();
  });

  it("etcd: a request that was held is answered after healing", async () => {
    const between = await startProxy({ target: etcd });
    const key = `/held/${randomUUID()}`;
    between.blackHole();
    const written = put(between.url, key, "done");
    await until(() => expect(between.connections).toBe(1));
    expect(await get(etcd.url, key)).toBeUndefined();
    between.heal();
    await written;
    expect(await get(etcd.url, key)).toBe("done");
    await between.close();
  });

  it("zookeeper: answers come through in slices", async () => {
    const between = await startProxy({ target: zookeeper });
    between.slice(7);
    expect(await fourLetterWord(between.host, between.port, "srvr", 5_000)).toMatch(/^Mode: standalone$/m);
    await between.close();
  });
});
