import type { SeenReplies, SeenRequest, Wire } from "./wire.js";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA = 0;
const HEADERS = 1;
const END_STREAM = 1;
/** gRPC puts a flag and a length before each message. */
const MESSAGE_HEADER_BYTES = 5;
/** `WatchResponse.events`; no other answer that is looked at here has a field of this number. */
const EVENTS_FIELD = 11;

interface Frame {
  readonly type: number;
  readonly ends: boolean;
  readonly stream: number;
  readonly payload: Buffer;
}

/**
 * etcd's gRPC. A call is a stream of its own that the client ends at once; renewals and watches are streams that stay open.
 */
export function etcdWire(): Wire {
  return {
    requests: (chunk) =>
      framesOf(chunk)
        .filter(({ type, ends }) => type === DATA && ends)
        .map(({ stream }): SeenRequest => ({ id: stream, isCall: true })),
    replies(chunk): SeenReplies {
      const frames = framesOf(chunk).filter(({ type }) => type === DATA || type === HEADERS);
      const events = frames.filter(({ type }) => type === DATA).map(({ payload }) => eventsIn(payload));
      return {
        ids: frames.map(({ stream }) => stream),
        notifications: events.reduce((sum, count) => sum + count, 0),
      };
    },
  };
}

function framesOf(chunk: Buffer): readonly Frame[] {
  const frames: Frame[] = [];
  let at = chunk.toString("latin1", 0, PREFACE.length) === PREFACE ? PREFACE.length : 0;
  while (at + 9 <= chunk.length) {
    const length = chunk.readUIntBE(at, 3);
    const [type = 0, flags = 0] = chunk.subarray(at + 3, at + 5);
    frames.push({
      type,
      ends: (flags & END_STREAM) !== 0,
      stream: chunk.readUInt32BE(at + 5) & 0x7fff_ffff,
      payload: chunk.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

/** How many events the messages in a piece of a stream tell of. */
function eventsIn(payload: Buffer): number {
  let count = 0;
  for (let at = 0; at + MESSAGE_HEADER_BYTES <= payload.length; ) {
    const length = payload.readUInt32BE(at + 1);
    const message = payload.subarray(at + MESSAGE_HEADER_BYTES, at + MESSAGE_HEADER_BYTES + length);
    count += fieldsOf(message).filter((field) => field === EVENTS_FIELD).length;
    at += MESSAGE_HEADER_BYTES + length;
  }
  return count;
}

/** The numbers of a protocol buffer's fields, in order; of the whole ones, if it is cut off. */
function fieldsOf(message: Buffer): readonly number[] {
  const fields: number[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < message.length; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.length) {
    const tag = varint();
    fields.push(Math.floor(tag / 8));
    const type = tag % 8;
    // A varint moves `at` by itself.
    const length = type === 0 || type === 2 ? varint() : 0;
    if (type === 1) at += 8;
    else if (type === 2) at += length;
    else if (type === 5) at += 4;
    else if (type !== 0) break;
  }
  return fields;
}
