import { connect, createServer, type Socket } from "node:net";

export const Opcode = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  set: 5,
  getChildren: 8,
  sync: 9,
  ping: 11,
  multi: 14,
  removeWatches: 18,
  addWatch: 106,
} as const;

/** Requests that ask for the same, and more in the reply. */
const richer = new Map<number, number>([
  [15, Opcode.create],
  [12, Opcode.getChildren],
]);

/** One frame of ZooKeeper's protocol on its way through the proxy. */
export interface Frame {
  readonly bytes: Buffer;
  /** What is asked, or answered. `undefined` for a watch's notification. */
  readonly opcode: number | undefined;
  /** What the client asked just before on this connection. */
  readonly previous: number | undefined;
  /** Ends both sides. With `part`, the client receives that first, and then an orderly end. */
  cut(part?: Buffer): void;
}

/** Of a frame; or one to be forwarded in its place. */
type Verdict = "forward" | "drop" | Buffer;
type Handler = (frame: Frame) => Verdict | Promise<Verdict>;

/** A proxy that sees whole frames and can act between any two of them. The handshake is always forwarded. */
export interface FrameProxy {
  readonly url: string;
  onRequest: Handler;
  onReply: Handler;
  /** The latest transaction that the client of each connection said to have seen. */
  readonly seen: readonly bigint[];
  /** New connections are closed at once. */
  refusing: boolean;
  close(): void;
}

export async function startFrameProxy(url: string): Promise<FrameProxy> {
  const [host = "127.0.0.1", port] = url.split(":");
  const open = new Set<() => void>();
  const seen: bigint[] = [];
  const server = createServer((client) => {
    if (proxy.refusing) {
      client.destroy();
      return;
    }
    const upstream = connect({ host, port: Number(port), noDelay: true });
    client.setNoDelay(true);
    const cut = (part?: Buffer): void => {
      upstream.destroy();
      if (part === undefined) client.destroy();
      else client.end(part);
      open.delete(cut);
    };
    open.add(cut);
    for (const [one, other] of [[client, upstream] as const, [upstream, client] as const]) {
      one.on("error", () => {});
      one.on("close", () => other.end());
    }
    const opcodes = new Map<number, number>();
    let last: number | undefined;
    const greet = (handshake: Buffer) => seen.push(handshake.readBigInt64BE(8));
    pipeFrames(client, upstream, greet, (bytes) => {
      const previous = last;
      const asked = bytes.readInt32BE(8);
      last = richer.get(asked) ?? asked;
      opcodes.set(bytes.readInt32BE(4), last);
      return proxy.onRequest({ bytes, opcode: last, previous, cut });
    });
    pipeFrames(
      upstream,
      client,
      () => {},
      (bytes) =>
        proxy.onReply({ bytes, opcode: opcodes.get(bytes.readInt32BE(4)), previous: undefined, cut }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: FrameProxy = {
    url: `127.0.0.1:${Object(server.address()).port}`,
    onRequest: () => "forward",
    onReply: () => "forward",
    seen,
    refusing: false,
    close() {
      server.close();
      for (const cut of [...open]) cut();
    },
  };
  return proxy;
}

function pipeFrames(
  from: Socket,
  to: Socket,
  greet: (handshake: Buffer) => void,
  handle: (frame: Buffer) => ReturnType<Handler>,
): void {
  let buffered = Buffer.alloc(0);
  let greeted = false;
  // One after the other: what is behind a frame waits for what becomes of it.
  let turn: Promise<void> = Promise.resolve();
  from.on("data", (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
      const frame = Buffer.from(buffered.subarray(0, 4 + buffered.readInt32BE(0)));
      buffered = buffered.subarray(frame.length);
      const handshake = !greeted;
      greeted = true;
      if (handshake) greet(frame);
      turn = turn.then(async () => {
        const verdict = handshake ? "forward" : await handle(frame);
        if (verdict !== "drop" && to.writable) to.write(verdict === "forward" ? frame : verdict);
      });
    }
  });
}
