import type { Socket } from "node:net";
import { dial } from "./dial.js";
import type { Connection, ConnectOptions, Driver, GrantedSession } from "./driver.js";
import { Code, ZooKeeperError } from "./errors.js";
import { NativeConnection } from "./native-connection.js";
import { loadNative, type NativeHandle, type NativeOptions } from "./native-module.js";
import { nativeTimeoutMs, Relay } from "./relay.js";

/** A driver on the npm package `zookeeper`, which wraps ZooKeeper's C client. */
export const nativeDriver: Driver = {
  async connect(options) {
    const createHandle = await loadNative();
    const deadlineMs = performance.now() + options.timeoutMs;
    return shakeHands(options, await dial(options), createHandle(), deadlineMs);
  },
};

/** Lets a new native instance shake hands with the server through a relay. */
function shakeHands(
  options: ConnectOptions,
  socket: Socket,
  native: NativeHandle,
  deadlineMs: number,
): Promise<Connection> {
  const { signal, timeoutMs, observer } = options;
  return new Promise((resolve, reject) => {
    let granted: GrantedSession | undefined;
    let settled = false;

    const settle = (run: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      run();
    };
    const fail = (cause: unknown): void =>
      settle(() => {
        relay.end(cause instanceof Error ? cause : new Error(String(cause)));
        reject(cause);
      });
    const onAbort = (): void => fail(signal.reason);
    const timer = setTimeout(
      () => fail(new Error(`no answer in ZooKeeper's protocol within ${timeoutMs} ms`)),
      Math.max(0, deadlineMs - performance.now()),
    );

    const relay = new Relay({
      server: socket,
      sessionTimeoutMs: options.sessionTimeoutMs,
      lastZxid: options.lastZxid,
      handshake(answer) {
        if (answer.accepted) granted = answer.session;
        else fail(new ZooKeeperError(Code.SESSIONEXPIRED, { sent: false }));
      },
      ended(cause) {
        connection.ended();
        if (settled) observer.closed(cause);
        else settle(() => reject(cause));
      },
    });
    const connection = new NativeConnection(native, relay, {
      fired: observer.fired,
      connected: () => {
        if (granted === undefined) return;
        connection.established(granted);
        connection.authenticate(options.auth).then(() => settle(() => resolve(connection)), fail);
      },
    });

    signal.addEventListener("abort", onAbort);
    if (signal.aborted) return onAbort();
    relay.listen().then((port) => {
      if (settled) relay.dispose();
      else connection.start(nativeOptions(options, port));
    }, fail);
  });
}

function nativeOptions(options: ConnectOptions, port: number): NativeOptions {
  const { resume } = options;
  return {
    connect: `127.0.0.1:${port}`,
    timeout: nativeTimeoutMs,
    // Otherwise the C client and the package print to stdout and stderr. The level is one for the process.
    debug_level: 0,
    host_order_deterministic: true,
    // The package counts each incomplete reply as a missing one and declares the session expired after ten.
    response_counter_limit: 0x7fff_ffff,
    ...(resume === undefined ? {} : { client_id: resume.id, client_password: resume.password }),
  };
}
