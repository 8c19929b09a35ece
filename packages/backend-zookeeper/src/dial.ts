import { connect, type Socket } from "node:net";
import type { Host } from "./driver.js";

export interface DialOptions extends Host {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Opens a TCP connection, within the time or not at all. */
export function dial(options: DialOptions): Promise<Socket> {
  const { host, port, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port, noDelay: true });
    const settle = (run: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("error", fail);
      run();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        socket.on("error", () => {});
        socket.destroy();
        reject(error);
      });
    const onAbort = (): void => fail(signal.reason);
    const timer = setTimeout(() => fail(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
    signal.addEventListener("abort", onAbort);
    socket.on("error", fail);
    socket.on("connect", () => settle(() => resolve(socket)));
  });
}
