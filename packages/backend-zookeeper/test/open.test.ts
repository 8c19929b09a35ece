import { createServer } from "node:net";
import { connect } from "@conclave/api";
import { zookeeper } from "@conclave/backend-zookeeper";
import { freePort, startEtcd, startProxy, startZooKeeper, type TestServer } from "@conclave/test-servers";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { create, openSession, SESSION_TIMEOUT_MS, usedDriver } from "./support.js";

let server: TestServer;
beforeAll(async () => {
  server = await startZooKeeper();
});
afterAll(() => server.stop());

const observer = {
  disconnected: () => expect.unreachable("disconnected"),
  ended: () => expect.unreachable("ended"),
};

function open(options: Parameters<typeof zookeeper>[0], signal = new AbortController().signal) {
  return zookeeper({ driver: usedDriver(), ...options }).open({
    namespace: "/",
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    connectTimeoutMs: 10_000,
    signal,
    observer,
  });
}

describe("options", () => {
  test.each([
    [{ hosts: [] }, "a list of 0"],
    [{ hosts: "" }, '""'],
    [{ hosts: ["host:0"] }, '"host:0"'],
    [{ hosts: ["host:65536"] }, '"host:65536"'],
    [{ hosts: "a:1,,b:2" }, '""'],
    [{ hosts: "http://host:2181" }, '"http"'.slice(0, 5)],
    [{ hosts: "host:2181", connectTimeoutMs: -1 }, "-1"],
    [{ hosts: "[fe80::1%]" }, '"[fe80::1%]"'],
    [{ hosts: "host:2181", timeout: 5 }, '"timeout"'],
    [{ hosts: "host:2181", connectTimeoutMs: 2 ** 31 }, "not 2147483648"],
    [{ hosts: "host:2181", connectTimeoutMs: 5n }, "not 5"],
    [{ hosts: [2181n] }, "2181 is not host:port"],
    [{ hosts: ["u:hunter2@h:2181"] }, '"***@h:2181" carries credentials; use the option auth'],
    [{ hosts: "u:hunter2,x@h:2181" }, '"***@h:2181" carries credentials; use the option auth'],
    [{ hosts: ["u:hunter2", "x@h:2181"] }, '"***@h:2181" carries credentials; use the option auth'],
    [{ hosts: { url: "u:hunter2@h" } }, "not an object"],
    [{ hosts: [["u:hunter2@h"]] }, "a list of 1 is not host:port"],
    ["http://u:hunter2@h", 'not "***@h"'],
  ])("%# are refused at once, naming what is wrong", (options, named) => {
    let error: unknown;
    try {
      zookeeper(options as Parameters<typeof zookeeper>[0]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(named) });
    expect(error).toMatchObject({ message: expect.not.stringContaining("hunter2") });
  });

  test("credentials never show in a message", () => {
    const wrong = { scheme: "digest", auth: 12345, password: "secret" } as unknown as {
      scheme: string;
      auth: string;
    };
    expect(() => zookeeper({ hosts: "host", auth: wrong })).toThrow(/^(?!.*(12345|secret)).*auth must be/);
  });

  test.each(
    ["h", "h:2181", " h:1 , [::1]:2181 ", ["10.0.0.1", "[fe80::1]", "[fe80::1%eth0]:1"]].map((hosts) => ({
      hosts,
    })),
  )("$hosts is fine", ({ hosts }) => {
    expect(zookeeper({ hosts }).name).toBe("zookeeper");
  });
});

describe("CONNECT_FAILED names the host and the reason", () => {
  test("nobody listens", async () => {
    const port = await freePort();
    await expect(open({ hosts: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringContaining(`127.0.0.1:${port}: connection refused`),
    });
  });

  test("etcd answers there", async () => {
    const etcd = await startEtcd();
    onTestFinished(() => etcd.stop());
    await expect(open({ hosts: `127.0.0.1:${etcd.port}`, connectTimeoutMs: 1_000 })).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringMatching(new RegExp(`127.0.0.1:${etcd.port}: .*(ZooKeeper|handshake)`)),
    });
  });

  test.each([
    ["an answer in another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    [
      "a frame of the right length that is no handshake",
      Buffer.concat([Buffer.from([0, 0, 0, 37]), Buffer.alloc(37, 1)]),
    ],
    ["silence", ""],
  ])("%s", async (_what, answer) => {
    const other = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.write(answer));
    });
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === "object" ? address?.port : undefined;
    await expect(open({ hosts: `127.0.0.1:${port}`, connectTimeoutMs: 500 })).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringMatching(new RegExp(`127.0.0.1:${port}: .*(ZooKeeper's protocol|handshake)`)),
    });
  });

  test("all hosts are tried, and all are named", async () => {
    const ports = [await freePort(), await freePort()];
    const hosts = ports.map((port) => `127.0.0.1:${port}`);
    await expect(open({ hosts })).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`(?=.*${ports[0]}: )(?=.*${ports[1]}: )`)),
    });
    const { session } = await openSession([...hosts, server.url].join());
    expect(session.timeoutMs).toBe(SESSION_TIMEOUT_MS);
  });

  test("connect names a host that is silent, and one that is not comes in time", async () => {
    const proxy = await startProxy({ target: server });
    onTestFinished(() => proxy.close());
    proxy.blackHole();
    const connecting = connect(zookeeper({ hosts: proxy.url }), { connectTimeoutMs: 1_500 });
    await expect(connecting).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringMatching(
        new RegExp(`within 1500 ms: no session at ZooKeeper: .*${proxy.url}: no answer .*within 1200 ms`),
      ),
    });
    // Whichever of them comes first: one in three can only be too late if the others had all of the time.
    const hosts = [proxy.url, proxy.url, server.url];
    const coordinator = await connect(zookeeper({ hosts }), { connectTimeoutMs: 4_500 });
    await coordinator.close();
  });

  test("wrong credentials are ACCESS_DENIED", async () => {
    const error: unknown = await open({
      hosts: server.url,
      auth: { scheme: "nonsense", auth: "hunter2" },
    }).catch((e) => e);
    expect(error).toMatchObject({ code: "ACCESS_DENIED", message: expect.not.stringContaining("hunter2") });
  });
});

test("credentials are presented on every connection", async () => {
  const proxy = await startProxy({ target: server });
  onTestFinished(() => proxy.close());
  const session = await zookeeper({
    hosts: proxy.url,
    driver: usedDriver(),
    auth: { scheme: "digest", auth: "me:pw" },
  }).open({
    namespace: "/auth",
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    connectTimeoutMs: 10_000,
    signal: new AbortController().signal,
    observer: { disconnected() {}, ended() {} },
  });
  onTestFinished(() => session.abandon());
  await session.renew(2_000);
  proxy.cut();
  await session.renew(2_000);
  await session.commit([create("/x", { parents: true })], undefined);
});

test("SES-1 the granted timeout is reported, and the id is the server's", async () => {
  const { session } = await openSession(server.url, { sessionTimeoutMs: 60_000 });
  expect(session.timeoutMs).toBe(2_000);
  const [made] = await session.commit([create("/own", { ephemeral: true })], undefined);
  expect(made).toMatchObject({ path: "/own" });
  expect((await session.get("/own", { linearizable: true }))?.ephemeralOwner).toBe(session.id);
});

test("abort rejects while the server is silent, and opens nothing", async () => {
  const proxy = await startProxy({ target: server });
  onTestFinished(() => proxy.close());
  proxy.blackHole();
  const abort = new AbortController();
  const opening = open({ hosts: proxy.url }, abort.signal);
  await expect.poll(() => proxy.connections).toBe(1);
  abort.abort();
  await expect(opening).rejects.toMatchObject({ code: "ABORTED" });
  // The proxy holds back the end of the stream too.
  proxy.heal();
  await expect.poll(() => proxy.connections).toBe(0);
});

test("NODE-9 a million bytes, and none, come back as they went", async () => {
  const { session } = await openSession(server.url);
  const big = new Uint8Array(1_000_000).map((_, i) => i % 251);
  await session.commit([create("/big", { data: big })], undefined);
  await session.commit([create("/empty")], undefined);
  const read = await session.get("/big", { linearizable: true });
  expect(Buffer.compare(read?.data ?? new Uint8Array(0), big)).toBe(0);
  expect((await session.get("/empty", { linearizable: false }))?.data).toHaveLength(0);
});
