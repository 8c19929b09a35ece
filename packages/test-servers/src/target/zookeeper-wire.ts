import type { SeenReplies, SeenRequest, Wire } from "./wire.js";

const NOTIFICATION_XID = -1;
/** By `ZooDefs.OpCode`: what calls are made of. Renewals are `exists`, and a new connection begins with `sync`. */
const CALLS = new Set([1, 2, 4, 5, 8, 12, 13, 14, 15, 22]);
const READS = new Set([4, 8, 12]);

/** ZooKeeper's frames: a length, then xid and operation in requests, xid in replies. */
export function zookeeperWire(): Wire {
  return {
    requests: (chunk) => [...frames(chunk)].filter(hasHeader).map(request),
    replies(chunk): SeenReplies {
      const xids = [...frames(chunk)]
        .filter((frame) => frame.length >= 16)
        .map((frame) => frame.readInt32BE(0));
      return {
        ids: xids.filter((xid) => xid > 0),
        notifications: xids.filter((xid) => xid === NOTIFICATION_XID).length,
      };
    },
  };
}

function hasHeader(frame: Buffer): boolean {
  return frame.length >= 8 && frame.readInt32BE(0) > 0;
}

function request(frame: Buffer): SeenRequest {
  const operation = frame.readInt32BE(4);
  // The last field of a read says whether it sets a watch.
  const setsWatch = READS.has(operation) && frame.at(-1) === 1;
  return { id: frame.readInt32BE(0), isCall: CALLS.has(operation) && !setsWatch };
}

function* frames(chunk: Buffer): Generator<Buffer> {
  for (let at = 0; at + 4 <= chunk.length; ) {
    const length = chunk.readInt32BE(at);
    if (length < 0) return;
    yield chunk.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}
