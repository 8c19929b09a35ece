import { createServer } from "node:net";
import { redis } from "@conclave/backend-redis";
import { expect, test } from "vitest";
import { errorOf, facts } from "./helpers.js";

/** Answers INFO as a server of this version, and does not know anything else. */
async function pretending(version: string, run: (hosts: string) => Promise<void>): Promise<void> {
  const info = `redis_version:${version}\r\nrun_id:0123456789abcdef\r\nrole:master\r\n`;
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket.setEncoding("latin1"));
    socket.on("error", () => {});
    socket.on("data", (chunk: string) => {
      for (const [, name = ""] of chunk.matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const isInfo = name.toLowerCase() === "info";
        socket.write(isInfo ? `$${info.length}\r\n${info}\r\n` : `-ERR unknown command '${name}'\r\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  try {
    await run(`127.0.0.1:${address.port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

const open = (hosts: string) =>
  redis({ hosts }).open({
    namespace: "/old",
    sessionTimeoutMs: 1_000,
    connectTimeoutMs: 5_000,
    signal: new AbortController().signal,
    observer: facts(),
  });

test.each(["2.8.24", "5.0.14", "6.0.16", "6.1.240"])("Redis %s is refused by name", async (version) => {
  await pretending(version, async (hosts) => {
    const error = await errorOf(open(hosts));
    expect(error).toMatchObject({ code: "CONNECT_FAILED" });
    expect(error.message).toContain(`Redis ${version} is too old: 6.2 or later is needed`);
    expect(error.message).toContain(hosts);
  });
});

test.each(["6.2.0", "7.4.1", "8.0.0", "10.0.0"])("Redis %s is not too old", async (version) => {
  await pretending(version, async (hosts) => {
    const error = await errorOf(open(hosts));
    expect(error.message, "what this one cannot do is scripts").toContain("unknown command");
  });
});
