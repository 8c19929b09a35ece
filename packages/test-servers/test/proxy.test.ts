import { createHash, randomBytes, randomUUID } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import {
  type FaultProxy,
  fourLetterWord,
  freePort,
  startProxy,
  startServer,
  type TestServer,
} from "@conclave/test-servers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { get, put } from "./etcd-http.js";
import { open, reachability, recording } from "./helpers.js";

/** A TCP peer that sends everything back, so that bytes can be counted in both directions. */
let echo: Server;
let echoPort: number;
const atEcho = new Set<Socket>();
let proxy: FaultProxy;

beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => {
    atEcho.add(socket);
    socket.on("close", () => atEcho.delete(socket));
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  echoPort = Number(Object(echo.address()).port);
});

afterAll(() => {
  echo.close();
});

beforeEach(async () => {
  proxy = await startProxy({ target: { host: "127.0.0.1", port: echoPort } });
});

afterEach(async () => {
  await proxy.close();
  await vi.waitFor(() => expect(atEcho.size).toBe(0));
});

const until = (holds: () => void): Promise<void> => vi.waitFor(holds, { timeout: 5_000, interval: 5 });

/** A connection through the proxy that has had one answer. */
async function connected() {
  const socket = await open(proxy);
  const got = recording(socket);
  socket.write("hello");
  await until(() => expect(got.text).toBe("hello"));
  return { socket, got };
}

describe("in good weather", () => {
  it("forwards both ways and counts", async () => {
    const { socket } = await connected();
    await connected();
    expect(proxy).toMatchObject({ connections: 2, accepted: 2 });
    expect(proxy.bytes).toEqual({ toServer: 10, toClient: 10 });
    expect(proxy.chunks).toEqual({ toServer: 2, toClient: 2 });
    socket.destroy();
    await until(() => expect(proxy.connections).toBe(1));
    await until(() => expect(atEcho.size).toBe(1));
  });

  it("passes on an orderly end, after the bytes before it", async () => {
    const { socket, got } = await connected();
    socket.end("bye");
    expect(await got.ended).toBe("end");
    expect(got.text).toBe("hellobye");
  });

  it("carries megabytes unharmed to a slow reader, without taking them all in", async () => {
    const sent = randomBytes(32 * 1024 * 1024);
    const socket = await open(proxy);
    socket.pause();
    socket.write(sent);
    let before = -1;
    // The flow stands still once every buffer on the way is full.
    await vi.waitFor(
      () => {
        const now = proxy.bytes.toServer;
        const still = now === before && now > 0;
        before = now;
        expect(still).toBe(true);
      },
      { timeout: 10_000, interval: 200 },
    );
    expect(proxy.bytes.toServer).toBeLessThan(sent.length);
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of socket) {
      hash.update(chunk);
      length += chunk.length;
      if (length === sent.length) break;
    }
    expect(hash.digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
  });

  it("passes on a reset", async () => {
    const { got } = await connected();
    for (const socket of atEcho) socket.resetAndDestroy();
    expect(await got.ended).toBe("ECONNRESET");
  });

  it("resets the client's connection when the server can't be reached", async () => {
    const nowhere = await startProxy({ target: { host: "127.0.0.1", port: 1 } });
    const socket = await open(nowhere);
    expect(await recording(socket).ended).toBe("ECONNRESET");
    await until(() => expect(nowhere.connections).toBe(0));
    await nowhere.close();
  });
});

describe("cut", () => {
  it("closes what is open and serves what comes", async () => {
    const { got } = await connected();
    proxy.cut();
    expect(await got.ended).toBe("end");
    expect(proxy.connections).toBe(0);
    await connected();
  });

  it("resets if asked to", async () => {
    const { got } = await connected();
    proxy.cut({ reset: true });
    expect(await got.ended).toBe("ECONNRESET");
  });
});

describe("a target that refuses", () => {
  const startOn = (port: number) =>
    new Promise<Server>((resolve) => {
      const server = createServer((socket) => socket.pipe(socket)).listen(port, "127.0.0.1", () =>
        resolve(server),
      );
    });

  it("is waited for, where that is asked for, and what was sent meanwhile arrives", async () => {
    const port = await freePort();
    const patient = await startProxy({ target: { host: "127.0.0.1", port }, connectWithinMs: 10_000 });
    const socket = await open(patient);
    const got = recording(socket);
    socket.write("early");
    const server = await startOn(port);
    await until(() => expect(got.text).toBe("early"));
    socket.destroy();
    await patient.close();
    server.close();
  });

  it("ends the connection after that time, and at once without", async () => {
    const target = { host: "127.0.0.1", port: await freePort() };
    for (const connectWithinMs of [0, 50]) {
      const proxy = await startProxy({ target, connectWithinMs });
      expect(await recording(await open(proxy)).ended).toBe("ECONNRESET");
      await proxy.close();
    }
  });

  it("is not tried any more once the client, or the proxy, is gone", async () => {
    const port = await freePort();
    const patient = await startProxy({ target: { host: "127.0.0.1", port }, connectWithinMs: 10_000 });
    const gone = await open(patient);
    gone.resetAndDestroy();
    await until(() => expect(patient.connections).toBe(0));
    const waiting = recording(await open(patient));
    await patient.close();
    expect(await waiting.ended).toBe("end");
    let connections = 0;
    const server = await startOn(port);
    server.on("connection", () => connections++);
    // Longer than the pause between two attempts, several times.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(connections).toBe(0);
    server.close();
  });
});

describe("refuse", () => {
  it("closes what is open and refuses what comes, until accept", async () => {
    const { got } = await connected();
    await proxy.refuse();
    await got.ended;
    expect(await reachability(proxy)).toBe("ECONNREFUSED");
    await proxy.refuse();
    await proxy.accept();
    await proxy.accept();
    await connected();
  });
});

describe("black hole", () => {
  it("holds both directions and then delivers everything, in order", async () => {
    const { socket, got } = await connected();
    proxy.blackHole();
    socket.write(" one");
    socket.write(" two");
    const probe = await throughAnotherProxy();
    expect(probe).toBe("passed");
    expect(got.text).toBe("hello");
    expect(proxy.bytes.toServer).toBe(5);
    expect(proxy.connections).toBe(1);
    proxy.heal();
    await until(() => expect(got.text).toBe("hello one two"));
  });

  it("towards the server only: what the server says still arrives", async () => {
    const { socket, got } = await connected();
    proxy.blackHole("toServer");
    socket.write("lost");
    for (const peer of atEcho) peer.write(" pushed");
    await until(() => expect(got.text).toBe("hello pushed"));
    expect(proxy.bytes.toServer).toBe(5);
    proxy.heal();
    await until(() => expect(got.text).toBe("hello pushedlost"));
  });

  it("towards the client only: requests still arrive", async () => {
    const { socket, got } = await connected();
    proxy.blackHole("toClient");
    socket.write("more");
    await until(() => expect(proxy.bytes.toServer).toBe(9));
    expect(await throughAnotherProxy()).toBe("passed");
    expect(got.text).toBe("hello");
    proxy.heal();
    await until(() => expect(got.text).toBe("hellomore"));
  });

  it("accepts new connections, which the server doesn't see before it is healed", async () => {
    proxy.blackHole();
    const socket = await open(proxy);
    const got = recording(socket);
    socket.write("early");
    expect(await throughAnotherProxy()).toBe("passed");
    expect(proxy.connections).toBe(1);
    expect(atEcho.size).toBe(0);
    proxy.heal();
    await until(() => expect(got.text).toBe("early"));
  });

  it("hides the end of a connection too", async () => {
    const { socket } = await connected();
    proxy.blackHole();
    socket.write("last words");
    expect(await throughAnotherProxy()).toBe("passed");
    socket.resetAndDestroy();
    await until(() => expect(proxy.connections).toBe(0));
    expect(await throughAnotherProxy()).toBe("passed");
    expect(atEcho.size).toBe(1);
    proxy.heal();
    await until(() => expect(atEcho.size).toBe(0));
    expect(proxy.bytes.toServer).toBe("hellolast words".length);
  });

  it("can be closed and cut", async () => {
    const { got } = await connected();
    proxy.blackHole();
    proxy.cut();
    expect(await got.ended).toBe("end");
    const late = recording(await open(proxy));
    await proxy.close();
    // Not taken off the listener's queue yet, or just taken off it.
    expect(["end", "ECONNRESET"]).toContain(await late.ended);
  });
});

describe("half-open", () => {
  it("ends the server's side and leaves the client's side silent for ever", async () => {
    const { socket, got } = await connected();
    proxy.halfOpen();
    await until(() => expect(atEcho.size).toBe(0));
    proxy.heal();
    // More than is ever kept: the client must not notice that nobody listens.
    socket.write(Buffer.alloc(1024 * 1024));
    await connected();
    expect(got.text).toBe("hello");
    expect(socket.closed).toBe(false);
    expect(proxy.connections).toBe(2);
    socket.end();
    await got.ended;
    await until(() => expect(proxy.connections).toBe(1));
  });
});

describe("latency and slices", () => {
  it("delays each way", async () => {
    proxy.latency(60);
    const before = performance.now();
    await connected();
    expect(performance.now() - before).toBeGreaterThanOrEqual(115);
  });

  it("keeps the order when the delay is lifted", async () => {
    const { socket, got } = await connected();
    proxy.latency(60_000);
    socket.write("a");
    await until(() => expect(got.text).toBe("hello"));
    proxy.heal();
    socket.write("b");
    await until(() => expect(got.text).toBe("helloab"));
  });

  it("cuts into pieces", async () => {
    proxy.slice(2);
    await connected();
    expect(proxy.chunks).toEqual({ toServer: 3, toClient: 3 });
    expect(() => proxy.slice(0)).toThrow(RangeError);
  });
});

describe("dropReply", () => {
  it("drops the answer to the next request, and its connection only", async () => {
    const one = await connected();
    const two = await connected();
    const dropped = proxy.dropReply();
    one.socket.write("question");
    expect((await dropped).toString()).toBe("question");
    expect(await one.got.ended).toBe("end");
    expect(one.got.text).toBe("hello");
    two.socket.write(" again");
    await until(() => expect(two.got.text).toBe("hello again"));
  });

  it("does not take what was pushed for a reply", async () => {
    const { socket, got } = await connected();
    const dropped = proxy.dropReply();
    for (const peer of atEcho) peer.write(" news");
    await until(() => expect(got.text).toBe("hello news"));
    socket.write("question");
    expect((await dropped).toString()).toBe("question");
  });

  it("waits for the request and the reply that are meant", async () => {
    const { socket, got } = await connected();
    const dropped = proxy.dropReply({
      request: (chunk) => chunk.includes("create"),
      reply: (chunk) => chunk.includes("2"),
    });
    let sent = "hello";
    for (const message of [" ping2", " create1"]) {
      socket.write(message);
      sent += message;
      await until(() => expect(got.text).toBe(sent));
    }
    socket.write(" 2");
    expect((await dropped).toString()).toBe(" 2");
    expect(await got.ended).toBe("end");
    expect(got.text).toBe(sent);
  });

  it("rejects when the proxy is closed first", async () => {
    const dropped = proxy.dropReply();
    await proxy.close();
    await expect(dropped).rejects.toThrow("closed");
    await expect(proxy.dropReply()).rejects.toThrow("closed");
  });
});

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

/** Takes as long as bytes need through a proxy, so that bytes that don't come have had their time. */
async function throughAnotherProxy(): Promise<string> {
  const other = await startProxy({ target: { host: "127.0.0.1", port: echoPort } });
  const socket = await open(other);
  const got = recording(socket);
  for (const text of ["a", "ab", "abc"]) {
    socket.write(text.slice(-1));
    await until(() => expect(got.text).toBe(text));
  }
  const size = atEcho.size;
  await other.close();
  await until(() => expect(atEcho.size).toBe(size - 1));
  return "passed";
}
