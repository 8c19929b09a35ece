import { dial } from "./dial.js";
import { FrameScanner } from "./frames.js";
import { parseOptions, type ZooKeeperOptions } from "./options.js";
import { closeRequest, closeXid, parseReply, readConnectResponse, resumeRequest } from "./protocol.js";

/* For tests of what happens when a session is lost. Nothing here is needed, or good, in an application. */

const TIMEOUT_MS = 5_000;
/** What a session may have asked for does not matter: it is closed in the same breath. */
const RESUMED_TIMEOUT_MS = 1_000;

/**
 * Ends a session at the server, of whichever client, as if it had expired: takes it over on a connection of its own
 * and closes it. Resolves when the server has confirmed, so that its ephemeral nodes are gone; rejects when the
 * session is over already.
 *
 * The victim is disconnected and learns of its loss when it reconnects. One that is connected might in theory take
 * its session back in between; then this rejects, and the victim should be cut off first.
 */
export async function expireSession(
  hosts: ZooKeeperOptions["hosts"],
  sessionId: string,
  password: string = passwordOf(sessionId),
): Promise<void> {
  const [host] = parseOptions({ hosts }).hosts;
  if (host === undefined) throw new Error("no hosts");
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const socket = await dial({ ...host, timeoutMs: TIMEOUT_MS, signal });
  try {
    await new Promise<void>((resolve, reject) => {
      let early: Buffer | undefined = Buffer.alloc(0);
      const replies = new FrameScanner((head) => {
        if (parseReply(head).xid === closeXid) resolve();
      });
      socket.on("data", (chunk: Buffer) => {
        if (early === undefined) return replies.push(chunk);
        early = Buffer.concat([early, chunk]);
        const response = readConnectResponse(early);
        if (response === undefined) return;
        early = undefined;
        if (response.handshake.accepted) replies.push(response.rest);
        else reject(new Error(`there is no session ${sessionId}, or its password is another`));
      });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`the session ${sessionId} was taken back by its client`)));
      signal.addEventListener("abort", () => reject(signal.reason));
      const key = { id: sessionId, password };
      socket.write(Buffer.concat([resumeRequest(key, RESUMED_TIMEOUT_MS), closeRequest()]));
    });
  } finally {
    socket.destroy();
  }
}

/*
 * The server derives the password from the id (`generatePasswd` in ZooKeeperServer.java): the first 16 bytes of
 * java.util.Random seeded with the id and a constant.
 */
const SUPER_SECRET = 0xb3415c00n;
const MULTIPLIER = 0x5deece66dn;
const INCREMENT = 0xbn;
const MASK_48 = (1n << 48n) - 1n;

function passwordOf(sessionId: string): string {
  const password = Buffer.alloc(16);
  let state = (BigInt(`0x${sessionId}`) ^ SUPER_SECRET ^ MULTIPLIER) & MASK_48;
  for (let offset = 0; offset < password.length; offset += 4) {
    state = (state * MULTIPLIER + INCREMENT) & MASK_48;
    password.writeUInt32LE(Number((state >> 16n) & 0xffff_ffffn), offset);
  }
  return password.toString("hex").toUpperCase();
}
