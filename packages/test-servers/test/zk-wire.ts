import { connect, type Socket } from "node:net";

/** A ZooKeeper session by hand: just enough of the protocol to write, to read, and to see what was granted. */
export interface WireSession {
  readonly grantedMs: number;
  create(path: string, data: string): Promise<number>;
  /** The data, or the error code. */
  get(path: string): Promise<string | number>;
  destroy(): void;
}

const CREATE = 1;
const GET_DATA = 4;

export async function openWireSession(
  at: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<WireSession> {
  const socket = connect({ host: at.host, port: at.port, noDelay: true });
  const frames = framesOf(socket);
  socket.write(frame(int(0), long(0n), int(timeoutMs), long(0n), buffer(Buffer.alloc(16))));
  const granted = await frames.next();
  let xid = 0;
  const ask = async (...parts: Buffer[]): Promise<{ code: number; body: Buffer }> => {
    socket.write(frame(int(++xid), ...parts));
    const reply = await frames.next();
    return { code: reply.readInt32BE(12), body: reply.subarray(16) };
  };
  return {
    grantedMs: granted.readInt32BE(4),
    create: async (path, data) => {
      const openAcl = [int(1), int(31), buffer(Buffer.from("world")), buffer(Buffer.from("anyone"))];
      const bytes = buffer(Buffer.from(data));
      return (await ask(int(CREATE), buffer(Buffer.from(path)), bytes, ...openAcl, int(0))).code;
    },
    get: async (path) => {
      const { code, body } = await ask(int(GET_DATA), buffer(Buffer.from(path)), Buffer.from([0]));
      return code === 0 ? body.subarray(4, 4 + body.readInt32BE(0)).toString() : code;
    },
    destroy: () => socket.destroy(),
  };
}

function framesOf(socket: Socket): { next(): Promise<Buffer> } {
  let received = Buffer.alloc(0);
  let failure: Error | undefined;
  let wake = (): void => {};
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  socket.on("error", (error) => {
    failure = error;
  });
  socket.on("close", () => {
    failure ??= new Error("closed");
    wake();
  });
  return {
    next: async () => {
      for (;;) {
        const length = received.length < 4 ? undefined : received.readInt32BE(0);
        if (length !== undefined && received.length >= 4 + length) {
          const next = received.subarray(4, 4 + length);
          received = received.subarray(4 + length);
          return next;
        }
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function frame(...parts: Buffer[]): Buffer {
  return buffer(Buffer.concat(parts));
}

function buffer(bytes: Buffer): Buffer {
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
