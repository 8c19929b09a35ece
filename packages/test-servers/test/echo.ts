import { createServer, type Server, type Socket } from "node:net";
import { type FaultProxy, startProxy } from "@conclave/test-servers";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { open, type Recording, recording } from "./helpers.js";

export const until = (holds: () => void): Promise<void> => vi.waitFor(holds, { timeout: 5_000, interval: 5 });

/** A TCP peer that sends everything back, so that bytes can be counted in both directions, and a proxy before it for each test. */
export interface Echo {
  readonly proxy: FaultProxy;
  /** At the peer. */
  readonly sockets: ReadonlySet<Socket>;
  /** A connection through the proxy that has had one answer. */
  connected(): Promise<{ readonly socket: Socket; readonly got: Recording }>;
  /** Takes as long as bytes need through a proxy, so that bytes that don't come have had their time. */
  throughAnotherProxy(): Promise<string>;
}

export function setUpEcho(): Echo {
  let server: Server;
  let proxy: FaultProxy;
  const sockets = new Set<Socket>();
  const start = () =>
    startProxy({ target: { host: "127.0.0.1", port: Number(Object(server.address()).port) } });

  beforeAll(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => {});
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => {
    server.close();
  });
  beforeEach(async () => {
    proxy = await start();
  });
  afterEach(async () => {
    await proxy.close();
    await until(() => expect(sockets.size).toBe(0));
  });

  return {
    get proxy() {
      return proxy;
    },
    sockets,
    async connected() {
      const socket = await open(proxy);
      const got = recording(socket);
      socket.write("hello");
      await until(() => expect(got.text).toBe("hello"));
      return { socket, got };
    },
    async throughAnotherProxy() {
      const other = await start();
      const socket = await open(other);
      const got = recording(socket);
      for (const text of ["a", "ab", "abc"]) {
        socket.write(text.slice(-1));
        await until(() => expect(got.text).toBe(text));
      }
      const size = sockets.size;
      await other.close();
      await until(() => expect(sockets.size).toBe(size - 1));
      return "passed";
    },
  };
}
