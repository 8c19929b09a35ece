import type { ClientState } from "@conclave/zookeeper-client";
import { expect, test, vi } from "vitest";
import { fakeServer, granted, onPackets } from "./fake-server.js";
import { openClient, until } from "./support.js";

test("a server that takes longer to answer than its first share of the timeout is reached all the same", async () => {
  const sessionTimeoutMs = 6_000;
  const server = await fakeServer((socket, index) => {
    onPackets(socket, (_, packet) => {
      if (packet > 0) return;
      const answer = (): unknown => socket.destroyed || socket.write(granted(sessionTimeoutMs));
      // More than a third of the timeout, which is for two servers.
      if (index === 0) answer();
      else setTimeout(answer, sessionTimeoutMs / 4);
    });
  });
  const states: ClientState[] = [];
  const address = `${server.host}:${server.port}`;
  await openClient(`${address},${address}`, {
    sessionTimeoutMs,
    stateChanged: (state) => states.push(state),
  });
  for (const socket of server.sockets) socket.destroy();
  await vi.waitUntil(() => states.length === 3, { timeout: 2 * sessionTimeoutMs });
  expect(states).toEqual(["connected", "suspended", "connected"]);
});

test("a client that is closed while it connects again settles all, and leaves no connection", async () => {
  const server = await fakeServer((socket, index) => {
    onPackets(socket, () => index === 0 && socket.write(granted(20_000)));
  });
  const client = await openClient(`${server.host}:${server.port}`);
  for (const socket of server.sockets) socket.destroy();
  await until(() => client.state === "suspended" && server.sockets.size === 1);
  const waiting = client.exists("/");
  await Promise.all([
    client.close(),
    expect(waiting).rejects.toMatchObject({ code: "CLOSED", outcome: "not-sent" }),
  ]);
  await until(() => server.sockets.size === 0);
});
