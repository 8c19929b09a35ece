import { once } from "node:events";
import { connect } from "node:net";

const CREATE = 1;
const ALL_PERMISSIONS = 31;

/** Creates a node as a program does that knows nothing of Conclave: by ZooKeeper's protocol, with the usual open ACL. */
export async function writeForeign(url: string, path: string, data: Uint8Array): Promise<void> {
  const [host = "127.0.0.1", port] = url.split(":");
  const socket = connect({ host, port: Number(port) });
  try {
    socket.write(frame(int(0), long(0n), int(4_000), long(0n), buffer(Buffer.alloc(16))));
    await once(socket, "data");
    const acl = [int(1), int(ALL_PERMISSIONS), buffer("world"), buffer("anyone")];
    socket.write(frame(int(1), int(CREATE), buffer(path), buffer(data), ...acl, int(0)));
    const [reply] = (await once(socket, "data")) as [Buffer];
    const error = reply.readInt32BE(16);
    if (error !== 0) throw new Error(`creating ${path}: ZooKeeper says ${error}`);
  } finally {
    socket.destroy();
  }
}

function frame(...parts: readonly Buffer[]): Buffer {
  return buffer(Buffer.concat(parts));
}

/** With its length in front. */
function buffer(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([int(bytes.length), bytes]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
