import { openConnection } from "@conclave/zookeeper-client";
import { expect, onTestFinished, test } from "vitest";
import { fakeServer, framed, granted, onPackets } from "./fake-server.js";

/** What a server that answers like this is told, and what comes of it. */
async function shake(answer: Buffer, options: { readonly readOnly?: boolean } = {}) {
  const heard: Buffer[] = [];
  const server = await fakeServer((socket) => {
    onPackets(socket, (body) => {
      heard.push(Buffer.from(body));
      socket.write(answer);
    });
  });
  const id = (1n << 64n) - 2n;
  const resume = { id, password: Buffer.alloc(16, 7) };
  const connection = await openConnection({
    ...server,
    ...options,
    resume,
    sessionTimeoutMs: 5_000,
    lastZxid: 9n,
  });
  onTestFinished(() => connection.drop());
  return { connection, heard };
}

test("a handshake asks for what was meant, of 64 bits without loss", async () => {
  const { connection, heard } = await shake(granted(20_000, -3n), { readOnly: true });
  const [request] = heard;
  expect(request?.readInt32BE(0)).toBe(0);
  expect(request?.readBigInt64BE(4)).toBe(9n);
  expect(request?.readInt32BE(12)).toBe(5_000);
  expect(request?.readBigUInt64BE(16)).toBe((1n << 64n) - 2n);
  expect(request?.subarray(24).toString("hex")).toBe(`00000010${"07".repeat(16)}01`);
  expect(connection.session).toMatchObject({ id: (1n << 64n) - 3n, timeoutMs: 20_000 });
  expect(connection.readOnly).toBe(false);
});

test("a server says whether it serves reads only; an old one says nothing", async () => {
  const readOnly = granted(20_000);
  readOnly[readOnly.length - 1] = 1;
  expect((await shake(readOnly)).connection.readOnly).toBe(true);
  const old = framed(granted(20_000).subarray(4, 4 + 36));
  expect((await shake(old)).connection.readOnly).toBe(false);
});
