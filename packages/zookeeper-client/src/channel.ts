import type { Socket } from "node:net";
import { Acknowledgements } from "./acknowledgements.js";
import { callBack } from "./call-back.js";
import { Code, OpCode, Xid } from "./codes.js";
import { type DialOptions, dial, readyEvent, type TlsOptions } from "./dial.js";
import {
  badArgument,
  badPacket,
  ConnectionError,
  type ConnectionErrorCode,
  ZooKeeperError,
} from "./errors.js";
import { readEvent, type WatchEvent } from "./events.js";
import { Frames } from "./frames.js";
import { type HandshakeReply, type HandshakeRequest, readHandshake, writeHandshake } from "./handshake.js";
import { Liveness } from "./liveness.js";
import type { Outbox } from "./outbox.js";
import { type Batch, type Pending, type PendingKind, PendingQueue } from "./pending.js";
import { Reader } from "./reader.js";
import { Sender } from "./sender.js";

const LARGEST_XID = 0x7fff_ffff;
/** What can't be a handshake's answer is another protocol's. */
const LONGEST_HANDSHAKE_BYTES = 1024;
const LEAST_HANDSHAKE_BYTES = 36;

export interface ChannelLimits {
  readonly maxRequestBytes: number;
  readonly maxReplyBytes: number;
  readonly maxPendingRequests: number;
  readonly maxQueuedBytes: number;
}

export interface ChannelOptions extends ChannelLimits, Pick<DialOptions, "host" | "port"> {
  readonly tls: TlsOptions | undefined;
  readonly handshake: HandshakeRequest;
  /** The server answered the handshake. */
  opened(reply: HandshakeReply): void;
  event(event: WatchEvent): void;
  acknowledged(sentAtMs: number): void;
  /** Once, after all requests that were pending have been rejected. */
  closed(cause: unknown): void;
}

/** The packets of one connection: sent in batches, replies matched to requests, silence noticed. */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #socket: Socket;
  readonly #sender: Sender;
  readonly #frames: Frames;
  readonly #reader = new Reader();
  readonly #pending = new PendingQueue();
  readonly #auths = new PendingQueue();
  #liveness: Liveness | undefined;
  #handshaken = false;
  /** Of the ping that is under way. */
  #ping: Batch | undefined;
  readonly #handshakeBatch: Batch;
  readonly #acknowledged: Acknowledgements;
  #xid = 0;
  #zxidHigh = 0;
  #zxidLow = 0;
  #closing = false;
  #over: { readonly cause: unknown } | undefined;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#acknowledged = new Acknowledgements(options.acknowledged);
    this.#frames = new Frames(options.maxReplyBytes, (bytes, view, from, to, owned) => {
      this.#reader.reset(bytes, view, from, to, owned);
      if (this.#handshaken) this.#packet(this.#reader);
      else this.#answer(this.#reader);
    });
    const { host, port, tls } = options;
    this.#socket = dial({ host, port, tls, received: (bytes, length) => this.#received(bytes, length) });
    this.#sender = new Sender(this.#socket, readyEvent(tls), (nowMs) => this.#liveness?.sent(nowMs));
    this.#handshakeBatch = this.#sender.batch;
    writeHandshake(this.#sender.out, options.handshake);
    this.#socket.on("error", (error) => this.close(error));
    this.#socket.on("end", () => this.close(this.#hungUp()));
    this.#socket.on("close", () => this.close(this.#hungUp()));
  }

  get over(): boolean {
    return this.#over !== undefined;
  }

  get lastZxid(): bigint {
    return (BigInt(this.#zxidHigh) << 32n) | BigInt(this.#zxidLow);
  }

  get lastAckSentAtMs(): number {
    return this.#acknowledged.sentAtMs;
  }

  get pendingRequests(): number {
    return this.#pending.size;
  }

  /** Begins a request, to be written to `out`. Returns why that can't be, if so; then nothing must be written. */
  begin(type: number, path: string | undefined): ConnectionError | undefined {
    const { maxPendingRequests, maxQueuedBytes } = this.#options;
    if (this.#over !== undefined || this.#closing) return this.#refusal(path);
    if (this.#pending.size >= maxPendingRequests || this.out.length >= maxQueuedBytes) {
      return new ConnectionError("QUEUE_FULL", "too many requests are waiting for the server", { path });
    }
    this.#sender.begin(this.#nextXid(), type);
    return undefined;
  }

  get out(): Outbox {
    return this.#sender.out;
  }

  /** Ends the request begun, and resolves with its reply. */
  end<T>(
    path: string | undefined,
    read: (reader: Reader) => T,
    replied?: (code: number) => void,
  ): Promise<T> {
    return this.#end(path, read, "request", replied);
  }

  /** Ends the request begun, and resolves with its reply; with `undefined` if that is `NONODE`. */
  endOptional<T>(
    path: string,
    read: (reader: Reader) => T,
    replied?: (code: number) => void,
  ): Promise<T | undefined> {
    return this.#end<T | undefined>(path, read, "optional", replied);
  }

  #end<T>(
    path: string | undefined,
    read: (reader: Reader) => T,
    kind: PendingKind,
    replied: ((code: number) => void) | undefined,
  ): Promise<T> {
    const length = this.out.endFrame();
    if (length > this.#options.maxRequestBytes) {
      this.out.cancelFrame();
      const limit = this.#options.maxRequestBytes;
      return Promise.reject(badArgument(`a request of ${length} bytes, where the limit is ${limit}`));
    }
    return new Promise<T>((resolve, reject) => {
      const batch = this.#sender.batch;
      this.#pending.push({ xid: this.#xid, path, batch, kind, read, replied, resolve, reject });
      this.#sender.schedule();
    });
  }

  authenticate(scheme: string, auth: Uint8Array): Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#refusal(undefined));
    this.#sender.begin(Xid.auth, OpCode.auth);
    this.out.int32(0);
    this.out.string(scheme);
    this.out.bytes(auth);
    this.out.endFrame();
    return new Promise((resolve, reject) => {
      const batch = this.#sender.batch;
      const kind = "authentication";
      const nothing = { path: undefined, read: () => {}, replied: undefined };
      this.#auths.push({ xid: Xid.auth, batch, kind, ...nothing, resolve, reject });
      this.#sender.schedule();
    });
  }

  /**
   * One step of a SASL exchange. The server answers it at once: it must not be asked anything else before.
   */
  sasl(token: Uint8Array): Promise<Buffer> {
    const refusal = this.begin(OpCode.sasl, undefined);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.out.bytes(token);
    return this.#end(undefined, (reader) => reader.bytes(), "authentication", undefined);
  }

  /** Asks the server to end the session. Requests after this one are refused. */
  closeSession(): Promise<void> {
    const refusal = this.#over !== undefined || this.#closing ? this.#refusal(undefined) : undefined;
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#sender.begin(this.#nextXid(), OpCode.closeSession);
    const closed = this.end(undefined, () => {});
    this.#closing = true;
    return closed;
  }

  /** Ends the connection. Idempotent. */
  close(cause: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = { cause };
    this.#frames.stop();
    this.#sender.stop();
    this.#liveness?.stop();
    this.#socket.destroy();
    for (const queue of [this.#pending, this.#auths]) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        next.reject(this.#lost(next, cause));
      }
    }
    callBack(() => this.#options.closed(cause));
  }

  #lost({ path, batch }: Pending, cause: unknown): ConnectionError {
    const outcome = batch.sentAtMs === undefined ? "not-sent" : "unknown";
    return new ConnectionError("CONNECTION_LOST", "the connection was lost before the reply came", {
      ...{ outcome, path, cause },
    });
  }

  #refusal(path: string | undefined): ConnectionError {
    const code: ConnectionErrorCode = this.#over === undefined ? "CLOSED" : "CONNECTION_LOST";
    const message = this.#over === undefined ? "the session is being closed" : "the connection is over";
    return new ConnectionError(code, message, { path, cause: this.#over?.cause });
  }

  #hungUp(): ConnectionError {
    const early = this.#handshaken ? "" : " without an answer to the handshake";
    return new ConnectionError("CONNECTION_LOST", `the server closed the connection${early}`);
  }

  #nextXid(): number {
    this.#xid = this.#xid === LARGEST_XID ? 1 : this.#xid + 1;
    return this.#xid;
  }

  #received(bytes: Buffer, length: number): void {
    if (this.#over !== undefined) return;
    this.#liveness?.heard(performance.now());
    try {
      this.#frames.push(bytes, length);
    } catch (error) {
      this.close(error);
    }
  }

  #answer(reader: Reader): void {
    if (reader.remaining < LEAST_HANDSHAKE_BYTES || reader.remaining > LONGEST_HANDSHAKE_BYTES) {
      throw badPacket(`an answer to the handshake of ${reader.remaining} bytes`);
    }
    const reply = readHandshake(reader);
    this.#handshaken = true;
    if (reply.session === undefined) {
      this.close(new ZooKeeperError(Code.SESSIONEXPIRED));
      return;
    }
    this.#liveness = new Liveness({
      timeoutMs: reply.session.timeoutMs,
      ping: () => this.#sendPing(),
      silent: (silentMs) =>
        this.close(new ConnectionError("NO_ANSWER", `the server was silent for ${Math.round(silentMs)} ms`)),
    });
    this.#acknowledged.add(this.#handshakeBatch);
    this.#options.opened(reply);
  }

  #packet(reader: Reader): void {
    const xid = reader.int32();
    const zxidHigh = reader.int32();
    const zxidLow = reader.uint32();
    const code = reader.int32();
    if (xid === Xid.notification) {
      this.#notification(reader, zxidHigh, zxidLow);
      return;
    }
    // Replies to what the server could not look at have none.
    if (zxidHigh > this.#zxidHigh || (zxidHigh === this.#zxidHigh && zxidLow > this.#zxidLow)) {
      this.#zxidHigh = zxidHigh;
      this.#zxidLow = zxidLow;
    }
    if (xid === Xid.ping) {
      this.#pong();
      return;
    }
    const queue = xid === Xid.auth ? this.#auths : this.#pending;
    const pending = queue.first();
    if (pending?.xid !== xid) throw badPacket(`a reply to ${xid} where ${expected(pending)} was expected`);
    if (pending.batch.sentAtMs === undefined) throw badPacket(`a reply to ${xid}, which was not sent yet`);
    const value = code === Code.OK ? pending.read(reader) : undefined;
    queue.shift();
    const { kind, replied } = pending;
    if (kind !== "authentication") this.#acknowledged.add(pending.batch);
    if (replied !== undefined) callBack(() => replied(code));
    if (code === Code.OK || (code === Code.NONODE && kind === "optional")) pending.resolve(value as never);
    else pending.reject(new ZooKeeperError(code, pending.path));
  }

  #notification(reader: Reader, zxidHigh: number, zxidLow: number): void {
    const event = readEvent(reader, (BigInt(zxidHigh) << 32n) | BigInt(zxidLow));
    if (event !== undefined) callBack(() => this.#options.event(event));
  }

  #sendPing(): void {
    if (this.#ping !== undefined || this.#closing) return;
    this.#sender.begin(Xid.ping, OpCode.ping);
    this.out.endFrame();
    this.#ping = this.#sender.batch;
    this.#sender.flush();
  }

  #pong(): void {
    const ping = this.#ping;
    if (ping?.sentAtMs === undefined) throw badPacket("an answer to a ping that was not sent");
    this.#ping = undefined;
    this.#acknowledged.add(ping);
  }
}

function expected(pending: Pending | undefined): string {
  return pending === undefined ? "none" : `one to ${pending.xid}`;
}
