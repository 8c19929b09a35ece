import { connect, type Socket } from "node:net";
import { type Direction, Flow, type Weather } from "./proxy-flow.js";

export interface LinkOptions {
  readonly client: Socket;
  readonly target: { readonly host: string; readonly port: number };
  /** How long to go on trying while the target refuses. */
  readonly connectWithinMs: number;
  readonly weather: Weather;
  /** Called before bytes from the server are taken on; `true` drops them and cuts the connection. */
  readonly dropsReply: (link: Link, chunk: Buffer) => boolean;
  readonly onRequest: (link: Link, chunk: Buffer) => void;
  readonly onForwarded: (direction: Direction, bytes: number) => void;
  readonly onClosed: (link: Link) => void;
}

const RETRY_MS = 20;

/** One connection through the proxy: the client's socket, the server's, and a flow each way. */
export class Link {
  readonly #options: LinkOptions;
  readonly #client: Socket;
  readonly #toServer: Flow;
  #server: Socket | undefined;
  #toClient: Flow | undefined;
  #retry: NodeJS.Timeout | undefined;
  #silent = false;
  #closed = false;

  constructor(options: LinkOptions) {
    const { client, weather, onForwarded } = options;
    this.#options = options;
    this.#client = client;
    this.#toServer = new Flow(client, "toServer", weather, (bytes) => onForwarded("toServer", bytes));
    client.setNoDelay(true);
    client.on("data", (chunk: Buffer) => {
      if (this.#silent) return;
      options.onRequest(this, chunk);
      this.#toServer.push(chunk);
    });
    this.#relayEnd(client, this.#toServer);
    this.weatherChanged();
  }

  /** Whether the client's side is open. */
  get open(): boolean {
    return !this.#client.destroyed;
  }

  /** To be called whenever the weather has changed: opens the server's side if it was held back, and forwards. */
  weatherChanged(): void {
    if (this.#closed || this.#silent) return;
    // Behind a black hole the server doesn't even learn that somebody connects.
    const isWanted = this.#server === undefined && this.#retry === undefined;
    if (isWanted && !this.#options.weather.held.toServer) {
      this.#connect(performance.now() + this.#options.connectWithinMs);
    }
    this.#toServer.pump();
    this.#toClient?.pump();
  }

  /** Ends both sides. With `reset`, both peers get ECONNRESET instead of an orderly end. */
  cut(reset = false): void {
    for (const socket of [this.#client, this.#server]) {
      if (reset) socket?.resetAndDestroy();
      else socket?.destroy();
    }
    this.#finish();
  }

  /** Ends the server's side; the client's stays open and is never answered. */
  silence(): void {
    this.#silent = true;
    this.#toServer.close();
    this.#toClient?.close();
    this.#server?.destroy();
    this.#client.resume();
  }

  #connect(untilMs: number): void {
    const server = connect({ ...this.#options.target, allowHalfOpen: true, noDelay: true });
    this.#server = server;
    const { weather, onForwarded } = this.#options;
    const toClient = new Flow(server, "toClient", weather, (bytes) => onForwarded("toClient", bytes));
    this.#toClient = toClient;
    server.once("connect", () => this.#toServer.connect(server));
    server.once("error", ({ code }: NodeJS.ErrnoException) => {
      if (code !== "ECONNREFUSED" || this.#closed || performance.now() >= untilMs) return;
      server.removeAllListeners();
      this.#server = undefined;
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        if (!this.#closed && !this.#silent) this.#connect(untilMs);
      }, RETRY_MS);
    });
    server.on("data", (chunk: Buffer) => {
      if (this.#silent || this.#closed) return;
      if (this.#options.dropsReply(this, chunk)) this.cut();
      else toClient.push(chunk);
    });
    this.#relayEnd(server, toClient);
    toClient.connect(this.#client);
  }

  #relayEnd(source: Socket, flow: Flow): void {
    let ended = false;
    source.once("end", () => {
      ended = true;
      if (this.#silent) this.cut();
      else flow.end("fin");
    });
    source.on("error", () => {
      // "close" follows, and says what there is to do.
    });
    source.once("close", (failed) => {
      const silenced = this.#silent && source === this.#server;
      if (this.#closed || silenced) return;
      if (this.#silent) this.cut();
      else if (failed || !ended) flow.end("reset");
      if (this.#client.destroyed && (this.#server?.destroyed ?? true)) this.#finish();
    });
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#toServer.close();
    this.#toClient?.close();
    this.#options.onClosed(this);
  }
}
