import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { badArgument, badPacket } from "./errors.js";

/** Who a client says to be, by SASL's mechanism DIGEST-MD5. */
export interface SaslCredentials {
  readonly mechanism: "DIGEST-MD5";
  readonly username: string;
  readonly password: string;
}

/** ZooKeeper's service and server name, the same everywhere (`SecurityUtils` in its sources). */
const DIGEST_URI = "zookeeper/zk-sasl-md5";
const NONCE_COUNT = "00000001";
const CNONCE_BYTES = 18;
const COLON = Buffer.from(":");

export interface Answer {
  readonly token: Buffer;
  /** Whether the server's last word proves that it knows the password, too. */
  accepts(last: Buffer): boolean;
}

export function saslProblem(credentials: SaslCredentials): TypeError | undefined {
  const { mechanism, username, password } = credentials;
  if (mechanism !== "DIGEST-MD5") return badArgument('sasl: the mechanism must be "DIGEST-MD5"');
  const sound = typeof username === "string" && typeof password === "string" && username !== "";
  // What they are is not shown: one is a secret, and the other may be.
  return sound ? undefined : badArgument("sasl: username and password must be strings");
}

/** The client's side of DIGEST-MD5 (RFC 2831), for authentication only. */
export function answerTo(challenge: Buffer, { username, password }: SaslCredentials): Answer {
  const { realm = "", nonce, qop = "auth" } = directivesOf(challenge.toString("utf8"));
  if (nonce === undefined) throw badPacket("a challenge without a nonce");
  if (!qop.split(",").some((word) => word.trim() === "auth")) throw badPacket("a challenge without qop auth");
  const cnonce = randomBytes(CNONCE_BYTES).toString("base64");
  const secret = md5(Buffer.concat([latin(username), COLON, latin(realm), COLON, latin(password)]));
  const a1 = md5(Buffer.concat([secret, Buffer.from(`:${nonce}:${cnonce}`)])).toString("hex");
  const response = (a2: string): string =>
    md5(`${a1}:${nonce}:${NONCE_COUNT}:${cnonce}:auth:${md5(a2).toString("hex")}`).toString("hex");
  const token = [
    `charset=utf-8,username=${quoted(username)},realm=${quoted(realm)},nonce=${quoted(nonce)}`,
    `nc=${NONCE_COUNT},cnonce=${quoted(cnonce)},digest-uri=${quoted(DIGEST_URI)},maxbuf=65536`,
    `response=${response(`AUTHENTICATE:${DIGEST_URI}`)},qop=auth`,
  ].join();
  const proof = Buffer.from(response(`:${DIGEST_URI}`));
  return {
    token: Buffer.from(token),
    accepts: (last) => {
      const { rspauth = "" } = directivesOf(last.toString("utf8"));
      const given = Buffer.from(rspauth);
      return given.length === proof.length && timingSafeEqual(given, proof);
    },
  };
}

function md5(value: string | Uint8Array): Buffer {
  return createHash("md5").update(value).digest();
}

/** What fits into ISO 8859-1 is hashed as such, whatever the exchange is written in (RFC 2831, 2.1.2.1). */
function latin(value: string): Buffer {
  return Buffer.from(value, /^[\0-\xff]*$/.test(value) ? "latin1" : "utf8");
}

function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Reads `name="value",name=value`. */
function directivesOf(text: string): { readonly [name: string]: string | undefined } {
  const directives: Record<string, string> = Object.create(null);
  for (const [, name = "", quotedValue, plain] of text.matchAll(
    /([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",]*))/g,
  )) {
    directives[name.toLowerCase()] = quotedValue?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "";
  }
  return directives;
}
