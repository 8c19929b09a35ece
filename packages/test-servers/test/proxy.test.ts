import { createHash, randomBytes } from "node:crypto";
import { startProxy } from "@conclave/test-servers";
import { describe, expect, it, vi } from "vitest";
import { setUpEcho, until } from "./echo.js";
import { open, reachability, recording } from "./helpers.js";

const echo = setUpEcho();

describe("in good weather", () => {
  it("forwards both ways and counts", async () => {
    const { socket } = await echo.connected();
    await echo.connected();
    expect(echo.proxy).toMatchObject({ connections: 2, accepted: 2 });
    expect(echo.proxy.bytes).toEqual({ toServer: 10, toClient: 10 });
    expect(echo.proxy.chunks).toEqual({ toServer: 2, toClient: 2 });
    socket.destroy();
    await until(() => expect(echo.proxy.connections).toBe(1));
    await until(() => expect(echo.sockets.size).toBe(1));
  });

  it("passes on an orderly end, after the bytes before it", async () => {
    const { socket, got } = await echo.connected();
    socket.end("bye");
    expect(await got.ended).toBe("end");
    expect(got.text).toBe("hellobye");
  });

  it("carries megabytes unharmed to a slow reader, without taking them all in", async () => {
    const sent = randomBytes(32 * 1024 * 1024);
    const socket = await open(echo.proxy);
    socket.pause();
    socket.write(sent);
    let before = -1;
    // The flow stands still once every buffer on the way is full.
    await vi.waitFor(
      () => {
        const now = echo.proxy.bytes.toServer;
        const still = now === before && now > 0;
        before = now;
        expect(still).toBe(true);
      },
      { timeout: 10_000, interval: 200 },
    );
    expect(echo.proxy.bytes.toServer).toBeLessThan(sent.length);
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
    const { got } = await echo.connected();
    for (const socket of echo.sockets) socket.resetAndDestroy();
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
    const { got } = await echo.connected();
    echo.proxy.cut();
    expect(await got.ended).toBe("end");
    expect(echo.proxy.connections).toBe(0);
    await echo.connected();
  });

  it("resets if asked to", async () => {
    const { got } = await echo.connected();
    echo.proxy.cut({ reset: true });
    expect(await got.ended).toBe("ECONNRESET");
  });
});

describe("refuse", () => {
  it("closes what is open and refuses what comes, until accept", async () => {
    const { got } = await echo.connected();
    await echo.proxy.refuse();
    await got.ended;
    expect(await reachability(echo.proxy)).toBe("ECONNREFUSED");
    await echo.proxy.refuse();
    await echo.proxy.accept();
    await echo.proxy.accept();
    await echo.connected();
  });
});

describe("half-open", () => {
  it("ends the server's side and leaves the client's side silent for ever", async () => {
    const { socket, got } = await echo.connected();
    echo.proxy.halfOpen();
    await until(() => expect(echo.sockets.size).toBe(0));
    echo.proxy.heal();
    // More than is ever kept: the client must not notice that nobody listens.
    socket.write(Buffer.alloc(1024 * 1024));
    await echo.connected();
    expect(got.text).toBe("hello");
    expect(socket.closed).toBe(false);
    expect(echo.proxy.connections).toBe(2);
    socket.end();
    await got.ended;
    await until(() => expect(echo.proxy.connections).toBe(1));
  });
});

describe("latency and slices", () => {
  it("delays each way", async () => {
    echo.proxy.latency(60);
    const before = performance.now();
    await echo.connected();
    expect(performance.now() - before).toBeGreaterThanOrEqual(115);
  });

  it("keeps the order when the delay is lifted", async () => {
    const { socket, got } = await echo.connected();
    echo.proxy.latency(60_000);
    socket.write("a");
    await until(() => expect(got.text).toBe("hello"));
    echo.proxy.heal();
    socket.write("b");
    await until(() => expect(got.text).toBe("helloab"));
  });

  it("cuts into pieces", async () => {
    echo.proxy.slice(2);
    await echo.connected();
    expect(echo.proxy.chunks).toEqual({ toServer: 3, toClient: 3 });
    expect(() => echo.proxy.slice(0)).toThrow(RangeError);
  });
});
