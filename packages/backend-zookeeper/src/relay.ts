import { createServer, type Server, type Socket } from "node:net";
import { FrameScanner } from "./frames.js";
import {
  closeRequest,
  closeXid,
  type Handshake,
  parseReply,
  pingRequest,
  readConnectResponse,
  unrelatedReply,
  withGrantedTimeout,
  withRequested,
} from "./protocol.js";

/*
 * Why the native client doesn't connect to the server by itself: the C client has no call that gives up a half-open
 * connection; its close blocks the event loop for up to 4.5 s when the peer is silent; it retries for ever against
 * something that is no ZooKeeper; and whenever it runs into a timeout or a refused connection on its own, the package
 * leaves a closed socket's number in the event loop, where it hits whatever socket gets that number next. Behind a
 * socket pair of ours it never does: timeouts are kept, pings sent and connections refused on this side.
 */

/*
 * The package's sockets are inherited by child processes. One that is closed here while a child still has it stays
 * registered with the event loop under its old number, and as soon as its peer closes it, it fires without end, for
 * whatever socket has that number by then. So the relay never closes first: it makes the native client hang up by an
 * answer to nothing that was asked, and keeps its own end until the other one is really gone.
 */

/** So long that the native client neither pings nor gives up by itself. Twice this must fit into 32 bits. */
export const nativeTimeoutMs = 0x3fff_ffff;

export interface RelayOptions {
  /** A connection to the server. */
  readonly server: Socket;
  readonly sessionTimeoutMs: number;
  readonly lastZxid: bigint;
  /** The server answered the handshake; its answer is on the way to the native client. */
  handshake(answer: Handshake): void;
  /** The connection is over, once. */
  ended(cause: Error): void;
}

interface Closing {
  sent: boolean;
  readonly answered: () => void;
}

/** Joins one connection of the native client, on loopback, to one connection to a server. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #server: Socket;
  readonly #listener: Server;
  /** Connections that the native client makes when the one that counts has ended. */
  readonly #idle = new Set<Socket>();
  readonly #requests = new FrameScanner(() => {});
  readonly #replies = new FrameScanner((head) => this.#reply(head));
  #client: Socket | undefined;
  #early: Buffer | undefined = Buffer.alloc(0);
  #request: Buffer | undefined = Buffer.alloc(0);
  /** Whether what the native client was sent ends between two frames. */
  #clientAtBoundary = true;
  #checking: NodeJS.Immediate | undefined;
  #ended = false;
  #disposed = false;
  #lastZxid = 0n;
  #closing: Closing | undefined;
  #pings: NodeJS.Timeout | undefined;
  /** Of the first ping since the server was last heard: a pause of this process is no silence of the server. */
  #askedAtMs: number | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#server = options.server;
    this.#listener = createServer((client) => this.#accept(client));
    this.#server.on("data", (chunk: Buffer) => this.#fromServer(chunk));
    this.#server.on("error", (error) => this.end(error));
    this.#server.on("close", () =>
      this.end(new Error(this.#early === undefined ? closedByServer : unanswered)),
    );
  }

  get clientAtBoundary(): boolean {
    return this.#clientAtBoundary;
  }

  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  /** Resolves with the port to which the native client has to connect. */
  listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#listener.on("error", reject);
      this.#listener.listen({ port: 0, host: "127.0.0.1", exclusive: true }, () => {
        const address = this.#listener.address();
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("the listener was closed"));
      });
    });
  }

  /** Sends the server a request to close the session, after what was sent before, and waits for the answer. */
  closeSession(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error): void => {
        clearTimeout(timer);
        this.#server.off("close", onClose);
        this.end(error ?? new Error("the session was closed"));
        if (error === undefined) resolve();
        else reject(error);
      };
      const onClose = (): void =>
        finish(new Error("the connection broke while the session was being closed"));
      const timer = setTimeout(() => finish(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      if (this.#ended) return finish(new Error("the connection is over"));
      this.#server.on("close", onClose);
      this.#closing = { sent: false, answered: () => finish() };
      this.#sendCloseAtBoundary();
    });
  }

  /** Ends the connection. The native client is not refused, but held, until `dispose`. */
  end(cause: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#pings);
    clearImmediate(this.#checking);
    this.#server.destroy();
    this.#letGo();
    this.#options.ended(cause);
  }

  #letGo(): void {
    const client = this.#client;
    if (client === undefined) return;
    // Within a frame nothing else can be said.
    if (!this.#clientAtBoundary) client.destroy();
    client.removeAllListeners("data");
    client.resume();
    client.unref();
  }

  /** Has the native client hang up. It must have a request outstanding. */
  dismiss(): void {
    if (this.#client?.destroyed === false) this.#client.write(unrelatedReply());
  }

  /** The native client is gone. */
  dispose(): void {
    this.#disposed = true;
    this.#listener.close();
    for (const socket of this.#idle) socket.destroy();
  }

  #accept(client: Socket): void {
    client.on("error", (error) => {
      if (client === this.#client) this.end(error);
    });
    if (this.#disposed || (this.#client !== undefined && !this.#ended)) {
      client.destroy();
      return;
    }
    if (this.#ended) {
      this.#idle.add(client);
      client.on("close", () => this.#idle.delete(client));
      return;
    }
    this.#client = client;
    client.setNoDelay(true);
    client.on("data", (chunk: Buffer) => this.#fromClient(client, chunk));
    client.on("close", () => this.end(new Error("the native client closed the connection")));
  }

  #fromClient(client: Socket, chunk: Buffer): void {
    if (this.#ended || this.#closing?.sent === true) return;
    if (this.#request !== undefined) {
      this.#request = Buffer.concat([this.#request, chunk]);
      const request = withRequested(this.#request, this.#options);
      if (request === undefined) return;
      this.#request = undefined;
      this.#server.write(request);
      return;
    }
    this.#requests.push(chunk);
    forward(chunk, client, this.#server);
    this.#sendCloseAtBoundary();
  }

  #fromServer(chunk: Buffer): void {
    if (this.#ended) return;
    this.#askedAtMs = undefined;
    try {
      const rest = this.#early === undefined ? chunk : this.#handshake(Buffer.concat([this.#early, chunk]));
      if (rest === undefined || rest.length === 0) return;
      this.#replies.push(rest);
      if (this.#ended || this.#client === undefined) return;
      this.#clientAtBoundary = this.#replies.atBoundary;
      forward(rest, this.#server, this.#client);
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Returns what follows the answer to the handshake; `undefined` while that is incomplete. */
  #handshake(bytes: Buffer): Buffer | undefined {
    this.#early = bytes;
    const response = readConnectResponse(bytes);
    if (response === undefined) return undefined;
    this.#early = undefined;
    const { handshake, frame, rest } = response;
    this.#options.handshake(handshake);
    if (this.#ended || !handshake.accepted) return undefined;
    this.#client?.write(withGrantedTimeout(frame, nativeTimeoutMs));
    this.#keepAlive(handshake.session.timeoutMs);
    return rest;
  }

  #keepAlive(timeoutMs: number): void {
    this.#pings = setInterval(() => {
      this.#askedAtMs ??= performance.now();
      // After a pause of this process, what has arrived meanwhile is read first.
      this.#checking = setImmediate(() => {
        const silentMs = performance.now() - (this.#askedAtMs ?? performance.now());
        if (silentMs > timeoutMs / 3) this.end(new Error(`no answer for ${Math.round(silentMs)} ms`));
      });
      // In the middle of a request there is no need to, either.
      if (this.#requests.atBoundary && this.#closing === undefined) this.#server.write(pingRequest());
    }, timeoutMs / 4);
  }

  #sendCloseAtBoundary(): void {
    const closing = this.#closing;
    if (closing === undefined || closing.sent || !this.#requests.atBoundary) return;
    closing.sent = true;
    this.#server.write(closeRequest());
  }

  #reply(head: Buffer): void {
    const reply = parseReply(head);
    if (reply.zxid > this.#lastZxid) this.#lastZxid = reply.zxid;
    if (reply.xid === closeXid) this.#closing?.answered();
  }
}

const closedByServer = "the server closed the connection";
const unanswered = `${closedByServer} without an answer: it is not ready to serve, or no ZooKeeper`;

function forward(chunk: Buffer, from: Socket, to: Socket): void {
  if (to.write(chunk)) return;
  from.pause();
  to.once("drain", () => from.resume());
}
