import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions as NodeTlsOptions } from "node:tls";
import { ConnectionError } from "./errors.js";

const READ_BUFFER_BYTES = 64 * 1024;
/** More than Node's default: a full batch shall not count as a slow reader. */
const HIGH_WATER_BYTES = 256 * 1024;

/** Options of Node's `tls.connect`: `ca`, `cert`, `key`, `passphrase`, `servername`, `rejectUnauthorized` and so on. */
export type TlsOptions = Omit<NodeTlsOptions, "host" | "port" | "path" | "socket" | "timeout">;

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsOptions | undefined;
  /** The first `length` bytes are new. They are valid during the call only. */
  received(bytes: Buffer, length: number): void;
}

/** Begins to connect. The socket is ready when `readyEvent(options)` is emitted. */
export function dial({ host, port, tls, received }: DialOptions): Socket {
  const common = { host, port, noDelay: true, keepAlive: false, writableHighWaterMark: HIGH_WATER_BYTES };
  if (tls !== undefined) {
    const socket = connectTls({ ...tls, ...common });
    socket.on("data", (chunk: Buffer) => received(chunk, chunk.length));
    return socket;
  }
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  return connectTcp({
    ...common,
    // One buffer for all reads: nothing is allocated per read, and no reply keeps a large chunk alive.
    onread: {
      buffer,
      callback: (length: number) => {
        received(buffer, length);
        return true;
      },
    },
  });
}

export function readyEvent(tls: TlsOptions | undefined): "connect" | "secureConnect" {
  return tls === undefined ? "connect" : "secureConnect";
}

export function addressOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function connectFailed(
  address: { readonly host: string; readonly port: number },
  cause: unknown,
): ConnectionError {
  return new ConnectionError("CONNECT_FAILED", `no connection to ${addressOf(address)}: ${reasonOf(cause)}`, {
    cause,
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
