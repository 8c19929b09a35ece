import { badPacket } from "./errors.js";
import type { Outbox } from "./outbox.js";
import type { Reader } from "./reader.js";
import { Session, type SessionKey } from "./session.js";

const PROTOCOL_VERSION = 0;
const PASSWORD_BYTES = 16;
const LONGEST_PASSWORD_BYTES = 256;
const NO_PASSWORD = new Uint8Array(PASSWORD_BYTES);

export interface HandshakeRequest {
  readonly sessionTimeoutMs: number;
  readonly resume: SessionKey | undefined;
  /** A server that has not seen this transaction refuses the connection. */
  readonly lastZxid: bigint;
  readonly readOnly: boolean;
}

export interface HandshakeReply {
  /** `undefined`: the session that was to be taken up again is over, or its password is another. */
  readonly session: Session | undefined;
  /** The server serves reads only. */
  readonly readOnly: boolean;
}

export function writeHandshake(out: Outbox, request: HandshakeRequest): void {
  out.beginFrame();
  out.int32(PROTOCOL_VERSION);
  out.int64(request.lastZxid);
  out.int32(request.sessionTimeoutMs);
  out.int64(BigInt.asIntN(64, request.resume?.id ?? 0n));
  out.bytes(request.resume?.password ?? NO_PASSWORD);
  out.bool(request.readOnly);
  out.endFrame();
}

export function readHandshake(reader: Reader): HandshakeReply {
  if (reader.int32() !== PROTOCOL_VERSION) throw badPacket("another version of the handshake");
  const timeoutMs = reader.int32();
  const id = reader.uint64();
  const password = Buffer.from(reader.bytes());
  if (password.length > LONGEST_PASSWORD_BYTES) throw badPacket("a password that is too long");
  // Servers before 3.4 leave it out.
  const readOnly = reader.remaining > 0 && reader.bool();
  const session = timeoutMs <= 0 ? undefined : new Session(id, timeoutMs, password);
  return { session, readOnly };
}
