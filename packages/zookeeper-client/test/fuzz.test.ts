import { connect, type Socket } from "node:net";
import { startZooKeeper, type TestServer } from "@conclave/test-servers";
import { type Connection, ConnectionError, openConnection, ZooKeeperError } from "@conclave/zookeeper-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fakeServer, framed, granted, onPackets, reply } from "./fake-server.js";
import { Random, seedOf } from "./random.js";
import { bytes, nothing } from "./support.js";

const seed = seedOf("what a server may send");
const LONG_MS = 60_000;

/** Ends well: by an answer, a code of the server, or an error of the connection. */
async function settle(requests: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(requests)) {
    if (result.status === "fulfilled") continue;
    const { reason } = result;
    if (reason instanceof ZooKeeperError || reason instanceof ConnectionError) continue;
    throw new Error(`neither a code nor an error of the connection (seed ${seed})`, { cause: reason });
  }
}

/** One request of each kind whose reply has a shape of its own, all at once. */
function script(connection: Connection): readonly Promise<unknown>[] {
  return [
    connection.create("/fuzz", bytes("data")),
    connection.getData("/fuzz", { watch: true }),
    connection.exists("/fuzz/none", { watch: true }),
    connection.create("/fuzz/child", nothing, { sequential: true }),
    connection.getChildren("/fuzz", { watch: true }),
    connection.setData("/fuzz", bytes("new")),
    connection.getAcl("/fuzz"),
    connection.multi([
      { type: "create", path: "/fuzz/a", data: nothing },
      { type: "set", path: "/fuzz/a", data: nothing },
      { type: "check", path: "/fuzz/a" },
      { type: "delete", path: "/fuzz/a" },
    ]),
    connection.multi([{ type: "delete", path: "/fuzz/none" }]),
    connection.multiRead([
      { type: "data", path: "/fuzz" },
      { type: "children", path: "/fuzz" },
      { type: "data", path: "/fuzz/none" },
    ]),
    connection.whoAmI(),
    connection.getEphemerals(),
    connection.countDescendants("/"),
    connection.addWatch("/fuzz", "persistent"),
    connection.sync("/fuzz"),
    connection.delete("/fuzz"),
  ];
}

async function attempt(server: { readonly host: string; readonly port: number }): Promise<void> {
  let connection: Connection;
  try {
    connection = await openConnection({ ...server, host: server.host, timeoutMs: LONG_MS });
  } catch (error) {
    if (error instanceof ZooKeeperError || error instanceof ConnectionError) return;
    throw error;
  }
  await settle(script(connection));
  connection.drop();
}

describe("a server that sends anything", () => {
  test("instead of the handshake ends the attempt", async () => {
    const random = new Random(seed);
    const server = await fakeServer((socket) => {
      onPackets(socket, () =>
        socket.end(random.one([random.bytes(random.below(100)), framed(random.bytes(37))])),
      );
    });
    for (let i = 0; i < 300; i++) await attempt(server);
  });

  test("after the handshake ends the connection", async () => {
    const random = new Random(seed);
    const server = await fakeServer((socket) => {
      socket.write(granted(LONG_MS));
      onPackets(socket, (_, index) => {
        if (index === 0) return;
        const body = random.bytes(random.below(200));
        const xid = random.one([1, 2, -1, -2, -4, random.below(20)]);
        socket.write(random.one([body, framed(body), reply(xid, 1n, 0, body), reply(xid, 1n, -101)]));
        // What announces more than comes would be waited for.
        if (index === 10 || random.below(4) === 0) socket.end();
      });
    });
    for (let i = 0; i < 500; i++) await attempt(server);
  });

  test("announces packets of any length costs no memory, and no time beyond the silence allowed", async () => {
    const timeoutMs = 600;
    const lengths = [-1, -0x8000_0000, 0x7fff_ffff, 0x4000_0000, 64 * 1024 * 1024 + 1, 64 * 1024 * 1024];
    for (const length of lengths) {
      const announced = Buffer.alloc(4);
      announced.writeInt32BE(length);
      const server = await fakeServer((socket) => {
        socket.write(granted(timeoutMs));
        onPackets(socket, (_, index) => {
          if (index > 0) socket.write(Buffer.concat([announced, Buffer.alloc(20_000)]));
        });
      });
      const connection = await openConnection({ ...server, sessionTimeoutMs: timeoutMs });
      const before = process.memoryUsage();
      const code = length < 0 || length > 64 * 1024 * 1024 ? "BAD_PACKET" : "NO_ANSWER";
      await expect(connection.getData("/"), String(length)).rejects.toMatchObject({
        code: "CONNECTION_LOST",
        cause: { code },
      });
      const after = process.memoryUsage();
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024);
    }
  });

  test("claims lists and strings of any length costs no memory", async () => {
    for (const count of [0x7fff_ffff, 0x1000_0000, -2, -0x8000_0000, 3]) {
      const claim = Buffer.alloc(12);
      claim.writeInt32BE(count);
      const server = await fakeServer((socket) => {
        socket.write(granted(LONG_MS));
        onPackets(socket, (_, index) => {
          if (index > 0) socket.write(reply(1, 1n, 0, claim));
        });
      });
      for (const ask of [
        (connection: Connection) => connection.getChildren("/"),
        (connection: Connection) => connection.getData("/"),
        (connection: Connection) => connection.getAcl("/"),
        (connection: Connection) => connection.whoAmI(),
        (connection: Connection) => connection.multiRead([{ type: "children", path: "/" }]),
      ]) {
        const connection = await openConnection(server);
        const asked = ask(connection);
        await expect(asked).rejects.toMatchObject({ code: "CONNECTION_LOST", cause: { code: "BAD_PACKET" } });
      }
    }
  });

  test("refuses a transaction and blames none of its operations is left", async () => {
    // Each operation "not the one that failed": OK, and inconsistent.
    const result = (type: number, done: boolean, ...codes: readonly number[]): Buffer => {
      const head = Buffer.alloc(9 + 4 * codes.length, 0xff);
      head.writeInt32BE(type);
      head[4] = done ? 1 : 0;
      for (const [index, code] of codes.entries()) head.writeInt32BE(code, 9 + 4 * index);
      return head;
    };
    const body = [result(-1, false, 0), result(-1, false, -2), result(-1, true)];
    const server = await fakeServer((socket) => {
      socket.write(granted(LONG_MS));
      onPackets(socket, (_, index) => {
        if (index > 0) socket.write(reply(1, 1n, 0, ...body));
      });
    });
    const connection = await openConnection(server);
    const asked = connection.multi([
      { type: "delete", path: "/a" },
      { type: "delete", path: "/b" },
    ]);
    await expect(asked).rejects.toMatchObject({ code: "CONNECTION_LOST", cause: { code: "BAD_PACKET" } });
  });

  test("answers what was not asked, or out of order, is left", async () => {
    const wrong = [reply(2, 1n, 0), reply(-2, 1n, 0), reply(-4, 1n, 0), reply(0, 1n, 0), reply(-8, 1n, -101)];
    for (const bytes of wrong) {
      const server = await fakeServer((socket) => {
        socket.write(granted(LONG_MS));
        onPackets(socket, (_, index) => {
          if (index > 0) socket.write(bytes);
        });
      });
      const connection = await openConnection(server);
      await expect(connection.sync("/")).rejects.toMatchObject({
        code: "CONNECTION_LOST",
        outcome: "unknown",
        cause: { code: "BAD_PACKET" },
      });
    }
  });
});

describe("what a real server sends, changed", () => {
  let server: TestServer;
  let recorded: { readonly handshake: Buffer; readonly rest: Buffer; readonly asked: number };
  beforeAll(async () => {
    server = await startZooKeeper({ controllable: true });
  });
  afterAll(() => server.stop());

  /** The bytes of both directions of the script. */
  async function record(): Promise<void> {
    let asked = 0;
    const chunks: Buffer[] = [];
    const between = await fakeServer((client) => {
      const upstream: Socket = connect({ host: server.host, port: server.port });
      client.on("data", (chunk: Buffer) => {
        asked += chunk.length;
        upstream.write(chunk);
      });
      client.on("close", () => upstream.destroy());
      upstream.on("error", () => {});
      upstream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        client.write(chunk);
      });
    });
    const connection = await openConnection({ ...between, sessionTimeoutMs: 2_000 });
    const results = await Promise.allSettled(script(connection));
    // All but the removal of what is missing, and of a node with children.
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(2);
    connection.drop();
    const all = Buffer.concat(chunks);
    const end = 4 + all.readInt32BE(0);
    recorded = { handshake: all.subarray(0, end), rest: all.subarray(end), asked };
  }

  function changed(random: Random, bytes: Buffer): Buffer {
    const copy = Buffer.from(bytes);
    const at = random.below(copy.length);
    switch (random.below(5)) {
      case 0:
        copy[at] = random.below(256);
        return copy;
      case 1:
        copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
        return copy;
      case 2:
        return copy.subarray(0, at);
      case 3:
        return Buffer.concat([copy.subarray(0, at), random.bytes(random.below(8)), copy.subarray(at)]);
      default:
        if (at + 4 > copy.length) return copy;
        copy.writeInt32BE(random.one([-1, 0, 0x7fff_ffff, -0x8000_0000, random.below(1 << 24)]), at);
        return copy;
    }
  }

  test("ends in answers or errors, whatever was changed", async () => {
    await record();
    const random = new Random(seed);
    let sound = true;
    const replay = await fakeServer((socket) => {
      const both = sound ? recorded.handshake : random.below(10) === 0 ? undefined : recorded.handshake;
      let heard = 0;
      let answered = false;
      socket.on("data", (chunk: Buffer) => {
        heard += chunk.length;
        if (!answered) socket.write(both ?? changed(random, recorded.handshake));
        answered = true;
        if (heard < recorded.asked) return;
        let bytes = recorded.rest;
        for (let i = sound ? 0 : 1 + random.below(3); i > 0 && bytes.length > 0; i--)
          bytes = changed(random, bytes);
        const cut = random.below(bytes.length + 1);
        socket.write(bytes.subarray(0, cut));
        setImmediate(() => socket.end(bytes.subarray(cut)));
      });
      // A handshake that was changed may be waited for for more.
      setTimeout(() => socket.destroy(), 500).unref();
    });
    // Unchanged, all is as it was recorded: the replay is a sound one.
    const connection = await openConnection(replay);
    const results = await Promise.allSettled(script(connection));
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(2);
    sound = false;
    const lanes = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 250; i++) await attempt(replay);
    });
    await Promise.all(lanes);
  }, 60_000);
});
