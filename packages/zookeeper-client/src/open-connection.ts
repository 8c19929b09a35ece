import { Channel, type ChannelLimits, type ChannelOptions } from "./channel.js";
import { Code } from "./codes.js";
import { Connection } from "./connection.js";
import { connectFailed, type TlsOptions } from "./dial.js";
import { answerTo, type SaslCredentials, saslProblem } from "./digest-md5.js";
import { badArgument, ZooKeeperError } from "./errors.js";
import type { WatchEvent } from "./events.js";
import type { HandshakeReply } from "./handshake.js";
import { checkInteger } from "./integer.js";
import type { SessionKey } from "./session.js";

/** What a client presents to be allowed more, for example `digest` and `user:password`. */
export interface Credentials {
  readonly scheme: string;
  readonly auth: string | Uint8Array;
}

export interface ConnectionObserver {
  /** A watch fired, in order with the replies: before that of any read that sees the change. */
  event?(event: WatchEvent): void;
  /**
   * The server answered something that was sent at this time (`performance.now()`), later than what it answered
   * before. Called once for all requests that went out together.
   */
  acknowledged?(sentAtMs: number): void;
  /** The connection is over, once; not when `openConnection` rejects. All pending requests have been rejected. */
  closed?(cause: unknown): void;
}

/** Bounds on what one connection keeps in memory. */
export interface Limits {
  /** The server's `jute.maxbuffer`: it hangs up on larger requests, so they are refused here. Default 1,048,575. */
  readonly maxRequestBytes?: number;
  /** A larger packet from the server ends the connection. Default 64 MiB. */
  readonly maxReplyBytes?: number;
  /** Requests without a reply yet; more are refused with `QUEUE_FULL`. Default 65,536. */
  readonly maxPendingRequests?: number;
  /** Bytes that the socket did not take yet; requests are refused with `QUEUE_FULL` beyond. Default 16 MiB. */
  readonly maxQueuedBytes?: number;
}

export interface ConnectionOptions {
  readonly host: string;
  /** Default 2181. */
  readonly port?: number;
  /** Asked for; the server has the last word. Default 30,000. */
  readonly sessionTimeoutMs?: number;
  /** The session to take up again. Default: a new one. */
  readonly resume?: SessionKey;
  /** Presented with the handshake; the connection opens only if the server takes them all. */
  readonly auth?: readonly Credentials[];
  /** Proved right after the handshake; the connection opens only if the server, too, proves that it knows the password. */
  readonly sasl?: SaslCredentials;
  /** TLS, with these options of Node's `tls.connect`. Default: plain TCP. */
  readonly tls?: TlsOptions;
  /** Accept a server that serves reads only, as one without a quorum may. Default false. */
  readonly readOnly?: boolean;
  /** Refuse a server that has not seen this transaction. Default 0: any. */
  readonly lastZxid?: bigint;
  /** Bounds the attempt, from the name's look-up to the handshake. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly limits?: Limits;
  readonly observer?: ConnectionObserver;
}

const DEFAULT_PORT = 2181;
const DEFAULT_SESSION_TIMEOUT_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 10_000;
const MIB = 1024 * 1024;
export const defaultLimits: ChannelLimits = {
  maxRequestBytes: MIB - 1,
  maxReplyBytes: 64 * MIB,
  maxPendingRequests: 65_536,
  maxQueuedBytes: 16 * MIB,
};

/**
 * Makes one attempt at one server, and opens a session or takes one up again.
 *
 * Rejects with a `ZooKeeperError` when the server says `SESSIONEXPIRED` or `AUTHFAILED`, else with a
 * `ConnectionError` `CONNECT_FAILED` whose cause says why; with the signal's reason on abort. Leaves nothing behind
 * then. A session that was opened while the attempt was given up times out at the server.
 */
export function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { host, port = DEFAULT_PORT, timeoutMs = DEFAULT_TIMEOUT_MS, signal, observer = {} } = options;
  const sessionTimeoutMs = options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
  const address = { host, port };
  return new Promise((resolve, reject) => {
    checkInteger("sessionTimeoutMs", sessionTimeoutMs, 1, 0x7fff_ffff);
    checkInteger("port", port, 1, 65_535);
    const problem = credentialsProblem(options);
    if (problem !== undefined) return reject(problem);
    if (signal?.aborted === true) return reject(signal.reason);
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      return true;
    };
    const fail = (error: unknown): void => {
      if (!settle()) return;
      channel.close(error);
      reject(error);
    };
    const onAbort = (): void => fail(signal?.reason);

    let connection: Connection | undefined;
    const opened = ({ session, readOnly }: HandshakeReply): void => {
      if (session === undefined) return;
      connection = new Connection(channel, session, readOnly);
    };
    const channelOptions: ChannelOptions = {
      ...{ ...defaultLimits, ...options.limits },
      ...{ host, port, tls: options.tls },
      handshake: {
        sessionTimeoutMs,
        resume: options.resume,
        lastZxid: options.lastZxid ?? 0n,
        readOnly: options.readOnly ?? false,
      },
      opened: (reply) => {
        opened(reply);
        const made = connection;
        if (made === undefined) return;
        const proved = options.sasl === undefined ? undefined : prove(channel, options.sasl);
        Promise.all([proved, ...authenticated]).then(() => settle() && resolve(made), fail);
      },
      event: (event) => observer.event?.(event),
      acknowledged: (sentAtMs) => observer.acknowledged?.(sentAtMs),
      closed: (cause) => {
        if (settled) observer.closed?.(cause);
        else fail(cause instanceof ZooKeeperError ? cause : connectFailed(address, cause));
      },
    };
    let channel: Channel;
    try {
      channel = new Channel(channelOptions);
    } catch (cause) {
      // Keys and certificates are looked at as soon as they are used.
      return reject(connectFailed(address, cause));
    }
    const timer = setTimeout(() => {
      fail(connectFailed(address, new Error(`no answer to the handshake within ${timeoutMs} ms`)));
    }, timeoutMs);
    // Behind the handshake, in one write: no round trip of its own.
    const authenticated = (options.auth ?? []).map(({ scheme, auth }) =>
      channel.authenticate(scheme, typeof auth === "string" ? Buffer.from(auth) : auth),
    );
    for (const request of authenticated) request.catch(() => {});
    signal?.addEventListener("abort", onAbort);
  });
}

/** What is given is not shown: it may be secret. */
function credentialsProblem({ auth = [], sasl, resume }: ConnectionOptions): TypeError | undefined {
  const sound = auth.every(({ scheme, auth: secret }) => typeof scheme === "string" && isText(secret));
  if (!sound) return badArgument("auth: scheme must be a string, auth a string or a Uint8Array");
  if (resume !== undefined && !(typeof resume.id === "bigint" && resume.password instanceof Uint8Array)) {
    return badArgument("resume: id must be a bigint, password a Uint8Array");
  }
  return sasl === undefined ? undefined : saslProblem(sasl);
}

function isText(value: unknown): boolean {
  return typeof value === "string" || value instanceof Uint8Array;
}

async function prove(channel: Channel, credentials: SaslCredentials): Promise<void> {
  const { token, accepts } = answerTo(await channel.sasl(new Uint8Array(0)), credentials);
  // A server that refuses the credentials answers with nothing, unless it demands them.
  if (!accepts(await channel.sasl(token))) throw new ZooKeeperError(Code.AUTHFAILED);
}
