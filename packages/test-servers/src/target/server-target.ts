import { type Backend, systemClock } from "@conclave/api/backend";
import type { ConformanceTarget, LinkFaults, TestClient } from "@conclave/conformance";
import { type FaultProxy, startProxy } from "../proxy.js";
import type { TestServer } from "../server.js";
import { testProcess } from "./test-process.js";
import type { Wire } from "./wire.js";

export interface ServerTargetOptions {
  readonly name: string;
  /** Started for this target alone, which stops it. */
  readonly server: TestServer;
  readonly sessionTimeoutMs: number;
  readonly expiryBoundMs: number;
  /** A backend for the server at this address. */
  backend(url: string): Backend;
  /** Reads the store's protocol; one for each client. */
  wire(): Wire;
  /** The program of test processes: it calls `runProcess`. */
  readonly worker: URL;
  /** Ends a session at the store, past its client. */
  expireSession(url: string, id: string): Promise<void>;
  /** The client is kept off while its session is ended, because it would take it back. Default false. */
  readonly cutOffToExpire?: boolean;
  compact?(url: string): Promise<void>;
  writeForeign?(url: string, key: string, data: Uint8Array): Promise<void>;
}

/** A real server as a target: a proxy for each client, processes, and the server's own faults. */
export function serverTarget(options: ServerTargetOptions): ConformanceTarget {
  const { name, server, sessionTimeoutMs, expiryBoundMs, worker, compact, writeForeign } = options;
  const { control, url } = server;
  return {
    name,
    sessionTimeoutMs,
    expiryBoundMs,
    clock: systemClock,
    client: () => clientThroughProxy(options),
    process: async (namespace) => testProcess(worker, url, namespace),
    expireSession: async ({ id, client }) => {
      if (options.cutOffToExpire) await client.link?.refuse();
      await options.expireSession(url, id);
      if (options.cutOffToExpire) await client.link?.heal();
    },
    ...(control && { restartServer: () => control.restart() }),
    ...(compact && { compact: () => compact(url) }),
    ...(writeForeign && {
      writeForeign: (namespace: string, path: string, data: Uint8Array) =>
        writeForeign(url, `${namespace}${path}/foreign`, data),
    }),
    stop: () => server.stop(),
  };
}

async function clientThroughProxy(options: ServerTargetOptions): Promise<TestClient> {
  const proxy = await startProxy({ target: options.server });
  return {
    backend: options.backend(proxy.url),
    link: linkFaults(proxy, options.wire()),
    close: () => proxy.close(),
  };
}

function linkFaults(proxy: FaultProxy, wire: Wire): LinkFaults {
  const counts = { requests: 0, notifications: 0 };
  // Looks at everything that passes and drops nothing.
  void proxy.dropReply({
    request: (chunk) => {
      counts.requests += wire.requests(chunk).filter(({ isCall }) => isCall).length;
      return true;
    },
    reply: (chunk) => {
      counts.notifications += wire.replies(chunk).notifications;
      return false;
    },
  });
  return {
    cut: async () => proxy.cut(),
    refuse: () => proxy.refuse(),
    blackHole: async (only) => proxy.blackHole(only === "replies" ? "toClient" : "both"),
    halfOpen: async () => proxy.halfOpen(),
    heal: async () => {
      proxy.heal();
      await proxy.accept();
    },
    dropNextReply: async () => dropNextReply(proxy, wire),
    requests: () => counts.requests,
    notifications: () => counts.notifications,
  };
}

function dropNextReply(proxy: FaultProxy, wire: Wire): void {
  let asked: number | undefined;
  void proxy.dropReply({
    request: (chunk) => {
      asked ??= wire.requests(chunk).find(({ isCall }) => isCall)?.id;
      return asked !== undefined;
    },
    reply: (chunk) => asked !== undefined && wire.replies(chunk).ids.includes(asked),
  });
}
