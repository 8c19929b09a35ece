import type { GrantedSession, SessionKey } from "./driver.js";

/* The few messages of ZooKeeper's protocol that are read and written here rather than by the native client. */

const LENGTH_BYTES = 4;
const PASSWORD_BYTES = 16;
const CONNECT_REQUEST_BYTES = 45;
/** Servers before 3.4 leave out the last byte, `readOnly`. */
const CONNECT_RESPONSE_BYTES = { least: 36, most: 37 };
const REPLY_HEADER_BYTES = 16;

const PING_XID = -2;
const PING = 11;
const CLOSE_SESSION = -11;

/** No request of the native client has it: it counts up from the time of day in seconds. */
export const closeXid = 0x7fff_fff0;

export type Handshake =
  | { readonly accepted: true; readonly session: GrantedSession }
  /** The session that was to be taken up again is over. */
  | { readonly accepted: false };

export interface ConnectResponse {
  readonly handshake: Handshake;
  /** The frame, with its length. */
  readonly frame: Buffer;
  readonly rest: Buffer;
}

/** Reads the first frame of a server: `undefined` while it is incomplete. Throws if it can't be one of ZooKeeper's. */
export function readConnectResponse(bytes: Buffer): ConnectResponse | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined;
  const length = bytes.readInt32BE(0);
  if (length < CONNECT_RESPONSE_BYTES.least || length > CONNECT_RESPONSE_BYTES.most) throw notZooKeeper();
  const frame = bytes.subarray(0, LENGTH_BYTES + length);
  if (frame.length < LENGTH_BYTES + length) return undefined;
  if (frame.readInt32BE(4) !== 0 || frame.readInt32BE(20) !== PASSWORD_BYTES) throw notZooKeeper();
  const timeoutMs = frame.readInt32BE(8);
  const id = frame.readBigUInt64BE(12);
  const password = frame.toString("hex", 24, 24 + PASSWORD_BYTES).toUpperCase();
  const handshake: Handshake =
    timeoutMs <= 0 || id === 0n
      ? { accepted: false }
      : { accepted: true, session: { id: id.toString(16), password, timeoutMs } };
  return { handshake, frame, rest: bytes.subarray(frame.length) };
}

/** The same response, granting another timeout. */
export function withGrantedTimeout(response: Buffer, timeoutMs: number): Buffer {
  const copy = Buffer.from(response);
  copy.writeInt32BE(timeoutMs, 8);
  return copy;
}

export interface Requested {
  readonly sessionTimeoutMs: number;
  /** The latest transaction that the session has seen, over all of its connections. */
  readonly lastZxid: bigint;
}

/** The first frame of a client, asking for something else; `undefined` while it is incomplete. */
export function withRequested(
  request: Buffer,
  { sessionTimeoutMs, lastZxid }: Requested,
): Buffer | undefined {
  if (request.length < LENGTH_BYTES || request.length < LENGTH_BYTES + request.readInt32BE(0))
    return undefined;
  const copy = Buffer.from(request);
  copy.writeBigInt64BE(lastZxid, 8);
  copy.writeInt32BE(sessionTimeoutMs, 16);
  return copy;
}

export interface Reply {
  readonly xid: number;
  readonly zxid: bigint;
}

export function parseReply(header: Buffer): Reply {
  if (header.length < REPLY_HEADER_BYTES) throw notZooKeeper();
  return { xid: header.readInt32BE(0), zxid: header.readBigInt64BE(4) };
}

export function pingRequest(): Buffer {
  return emptyRequest(PING_XID, PING);
}

export function closeRequest(): Buffer {
  return emptyRequest(closeXid, CLOSE_SESSION);
}

/** A reply to a request that no client has made. */
export function unrelatedReply(): Buffer {
  const frame = Buffer.alloc(LENGTH_BYTES + REPLY_HEADER_BYTES);
  frame.writeInt32BE(REPLY_HEADER_BYTES, 0);
  frame.writeInt32BE(closeXid - 1, 4);
  return frame;
}

/** A handshake that takes up a session again. */
export function resumeRequest(session: SessionKey, timeoutMs: number): Buffer {
  const frame = Buffer.alloc(LENGTH_BYTES + CONNECT_REQUEST_BYTES);
  frame.writeInt32BE(CONNECT_REQUEST_BYTES, 0);
  frame.writeInt32BE(timeoutMs, 16);
  frame.writeBigUInt64BE(BigInt(`0x${session.id}`), 20);
  frame.writeInt32BE(PASSWORD_BYTES, 28);
  frame.write(session.password, 32, "hex");
  return frame;
}

function emptyRequest(xid: number, type: number): Buffer {
  const frame = Buffer.alloc(LENGTH_BYTES + 8);
  frame.writeInt32BE(8, 0);
  frame.writeInt32BE(xid, 4);
  frame.writeInt32BE(type, 8);
  return frame;
}

function notZooKeeper(): Error {
  return new Error("it doesn't speak ZooKeeper's protocol");
}
