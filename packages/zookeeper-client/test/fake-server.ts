import { createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface FakeServer {
  readonly host: string;
  readonly port: number;
  readonly sockets: Set<Socket>;
}

/** Something that listens and says what the test wants; closed at the end of the test. */
export async function fakeServer(serve: (socket: Socket, index: number) => void): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    serve(socket, count++);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1" }, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { host: "127.0.0.1", port: address.port, sockets };
}

/** Calls back with each packet, without its length. */
export function onPackets(socket: Socket, packet: (body: Buffer, index: number) => void): void {
  let bytes = Buffer.alloc(0);
  let index = 0;
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const end = 4 + bytes.readInt32BE(0);
      const body = bytes.subarray(4, end);
      bytes = bytes.subarray(end);
      packet(body, index++);
    }
  });
}

export function framed(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

/** An answer that grants a session. */
export function granted(timeoutMs: number, id = 0x1234n): Buffer {
  const body = Buffer.alloc(37);
  body.writeInt32BE(timeoutMs, 4);
  body.writeBigInt64BE(id, 8);
  body.writeInt32BE(16, 16);
  return framed(body);
}

export function reply(xid: number, zxid: bigint, code: number, ...rest: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32BE(xid, 0);
  header.writeBigInt64BE(zxid, 4);
  header.writeInt32BE(code, 12);
  return framed(Buffer.concat([header, ...rest]));
}
