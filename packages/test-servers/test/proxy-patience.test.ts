import { createServer, type Server } from "node:net";
import { freePort, startProxy } from "@conclave/test-servers";
import { describe, expect, it } from "vitest";
import { until } from "./echo.js";
import { open, recording } from "./helpers.js";

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
