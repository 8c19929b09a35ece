import { connect, createServer, type Socket } from "node:net";

/** A network that keeps what was sent on a connection and delivers it when its client has long given up. */
export interface LateNetwork {
  readonly url: string;
  /** What the present connections have sent since `hold`, and what they were answered since `deliver`. */
  readonly held: Buffer;
  readonly answered: Buffer;
  /** Keeps what the present connections send from now on. Later connections are served. */
  hold(): void;
  /** Loses what they send from now on. */
  lose(): void;
  /** Gives the server what was kept. */
  deliver(): void;
  close(): Promise<void>;
}

interface Path {
  readonly upstream: Socket;
  readonly kept: Buffer[];
  mode: "served" | "held" | "lost";
}

export async function startLateNetwork(port: number): Promise<LateNetwork> {
  const paths = new Set<Path>();
  const sockets = new Set<Socket>();
  const answers: Buffer[] = [];
  let delivered = false;
  const server = createServer((client) => {
    const upstream = connect({ host: "127.0.0.1", port, noDelay: true });
    const path: Path = { upstream, kept: [], mode: "served" };
    paths.add(path);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("data", (chunk: Buffer) => {
      if (path.mode === "served") upstream.write(chunk);
      else if (path.mode === "held") path.kept.push(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (path.mode !== "served" && delivered) answers.push(chunk);
      if (client.writable) client.write(chunk);
    });
    client.on("close", () => {
      // The server doesn't hear of the end of a connection whose bytes are still on their way.
      if (path.mode === "served") upstream.destroy();
    });
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${Object(server.address()).port}`,
    get held() {
      return Buffer.concat([...paths].flatMap(({ kept }) => kept));
    },
    get answered() {
      return Buffer.concat(answers);
    },
    hold() {
      for (const path of paths) path.mode = "held";
    },
    lose() {
      for (const path of paths) if (path.mode === "held") path.mode = "lost";
    },
    deliver() {
      delivered = true;
      for (const { upstream, kept } of paths) if (kept.length > 0) upstream.write(Buffer.concat(kept));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
