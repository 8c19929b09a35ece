import { createServer, type Server, type Socket } from "node:net";
import { freePort } from "./ports.js";
import type { Direction, Weather } from "./proxy-flow.js";
import { Link } from "./proxy-link.js";
import { Replies, type ReplyMatch } from "./proxy-replies.js";

export interface ProxyOptions {
  /** Where to forward to. With `url` (as a `TestServer` has it), the proxy's `url` takes the same form. */
  readonly target: { readonly host: string; readonly port: number; readonly url?: string };
  /** How long a client is kept waiting while the target refuses connections, before its own is closed. Default 0. */
  readonly connectWithinMs?: number;
}

/** Numbers since the proxy's start. */
export interface Traffic {
  readonly toServer: number;
  readonly toClient: number;
}

/** A TCP proxy on loopback that does to connections what networks do. Faults affect this process's proxy only. */
export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Connections of clients that are open now, even if only for receiving. */
  readonly connections: number;
  /** Connections of clients accepted so far. */
  readonly accepted: number;
  /** Bytes forwarded so far. Held bytes don't count. */
  readonly bytes: Traffic;
  /** Pieces forwarded so far, a piece being what was written at once. */
  readonly chunks: Traffic;
  /** Closes all connections now; new ones are served. With `reset`, both peers see ECONNRESET. */
  cut(options?: { readonly reset?: boolean }): void;
  /** Closes all connections and the listener: connecting gets ECONNREFUSED until `accept`. */
  refuse(): Promise<void>;
  /** Ends `refuse`: listens again, on the same port. */
  accept(): Promise<void>;
  /**
   * Holds all bytes, and ends of streams, in the direction (default both): connections stay open and silent, new
   * ones are accepted and silent too. `heal` lets what was held flow, as retransmission would.
   */
  blackHole(direction?: "both" | Direction): void;
  /**
   * Closes the server's side of all present connections, while the client's side stays open and is never answered.
   * Not undone by `heal`. New connections are served.
   */
  halfOpen(): void;
  /** Delays all bytes by so much, each way. */
  latency(ms: number): void;
  /** Forwards at most so many bytes at once, each way. */
  slice(bytes: number): void;
  /** Ends black hole, latency and slicing. */
  heal(): void;
  /**
   * Lets requests reach the server but, instead of delivering the next piece of reply that matches, closes that
   * connection. Resolves to the dropped bytes; rejects if the proxy is closed before. Several may be pending.
   */
  dropReply(match?: ReplyMatch): Promise<Buffer>;
  /** Closes everything. Idempotent. */
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

export async function startProxy(options: ProxyOptions): Promise<FaultProxy> {
  const { target, connectWithinMs = 0 } = options;
  const port = await freePort();
  const links = new Set<Link>();
  const replies = new Replies();
  const bytes = { toServer: 0, toClient: 0 };
  const chunks = { toServer: 0, toClient: 0 };
  const weather: Weather = { held: { toServer: false, toClient: false }, latencyMs: 0, sliceBytes: Infinity };
  let accepted = 0;
  let closed = false;

  const serve = (client: Socket): void => {
    accepted++;
    links.add(
      new Link({
        client,
        target,
        connectWithinMs,
        weather,
        onRequest: (link, chunk) => replies.request(link, chunk),
        dropsReply: (link, chunk) => replies.drops(link, chunk),
        onForwarded: (direction, length) => {
          bytes[direction] += length;
          chunks[direction]++;
        },
        onClosed: (link) => links.delete(link),
      }),
    );
  };
  let listener: Server | undefined = await listen(port, serve);

  const cut = (reset = false): void => {
    for (const link of [...links]) link.cut(reset);
  };
  const refuse = async (): Promise<void> => {
    const old = listener;
    listener = undefined;
    const ended = old === undefined ? undefined : new Promise((resolve) => old.close(resolve));
    cut();
    await ended;
  };
  const change = (changes: Partial<Weather>): void => {
    Object.assign(weather, changes);
    for (const link of [...links]) link.weatherChanged();
  };

  return {
    host: HOST,
    port,
    url: target.url === undefined ? `${HOST}:${port}` : throughProxy(target.url, port),
    get connections() {
      return [...links].filter((link) => link.open).length;
    },
    get accepted() {
      return accepted;
    },
    bytes,
    chunks,
    cut: ({ reset = false } = {}) => cut(reset),
    refuse,
    accept: async () => {
      if (closed) throw new Error("the proxy is closed");
      listener ??= await listen(port, serve);
    },
    blackHole: (direction = "both") =>
      change({
        held: {
          toServer: weather.held.toServer || direction !== "toClient",
          toClient: weather.held.toClient || direction !== "toServer",
        },
      }),
    halfOpen: () => {
      for (const link of [...links]) link.silence();
    },
    latency: (latencyMs) => change({ latencyMs }),
    slice: (sliceBytes) => {
      if (!(sliceBytes >= 1)) throw new RangeError(`slices of ${sliceBytes} bytes`);
      change({ sliceBytes: Math.floor(sliceBytes) });
    },
    heal: () =>
      change({
        held: { toServer: false, toClient: false },
        latencyMs: 0,
        sliceBytes: Number.POSITIVE_INFINITY,
      }),
    dropReply: (match = {}) => replies.expect(match),
    close: async () => {
      closed = true;
      replies.close();
      await refuse();
    },
  };
}

function listen(port: number, serve: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, serve);
    server.once("error", reject);
    server.listen({ port, host: HOST, exclusive: true }, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

function throughProxy(url: string, port: number): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0] ?? "";
  return `${scheme}${HOST}:${port}`;
}
