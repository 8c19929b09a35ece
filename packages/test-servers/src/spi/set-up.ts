import type { Backend, BackendSession } from "@conclave/api/backend";
import { afterAll, afterEach, beforeAll } from "vitest";
import { type FaultProxy, startProxy } from "../proxy.js";
import type { TestServer } from "../server.js";
import { type Facts, facts } from "./facts.js";

export interface Opened {
  readonly session: BackendSession;
  readonly facts: Facts;
}

export interface OpenSettings<Options> {
  readonly through?: "proxy";
  readonly namespace?: string;
  readonly sessionTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Of the backend. */
  readonly options?: Partial<Options>;
}

export interface Setting<Kind extends string, Options> {
  readonly server: TestServer<Kind>;
  readonly proxy: FaultProxy;
  /** A namespace of the current test's own. */
  readonly namespace: string;
  open(settings?: OpenSettings<Options>): Promise<Opened>;
  /** Renews as the session machinery would, until the test ends. */
  keepAlive(session: BackendSession): void;
}

export interface SetUpOptions<Kind extends string, Options> {
  start(): Promise<TestServer<Kind>>;
  backend(hosts: string, options: Partial<Options>): Backend;
}

/** One server and one proxy for a file; one namespace and all sessions closed for each test. */
export function setUpSessions<Kind extends string, Options>({
  start,
  backend,
}: SetUpOptions<Kind, Options>): Setting<Kind, Options> {
  let server: TestServer<Kind> | undefined;
  let proxy: FaultProxy | undefined;
  let tests = 0;
  const opened: BackendSession[] = [];
  const renewals = new Set<() => void>();

  beforeAll(async () => {
    server = await start();
    proxy = await startProxy({ target: server });
  }, 60_000);
  afterEach(async () => {
    for (const stop of renewals) stop();
    renewals.clear();
    proxy?.heal();
    await proxy?.accept();
    for (const session of opened.splice(0)) await session.close();
    tests++;
  });
  afterAll(async () => {
    await proxy?.close();
    await server?.stop();
  });

  const setting: Setting<Kind, Options> = {
    get server() {
      if (server === undefined) throw new Error("not started");
      return server;
    },
    get proxy() {
      if (proxy === undefined) throw new Error("not started");
      return proxy;
    },
    get namespace() {
      return `/test-${process.pid}-${tests}`;
    },
    async open({ through, namespace, sessionTimeoutMs, signal, options } = {}) {
      const seen = facts();
      const hosts = through === "proxy" ? setting.proxy.url : setting.server.url;
      const session = await backend(hosts, options ?? {}).open({
        namespace: namespace ?? setting.namespace,
        sessionTimeoutMs: sessionTimeoutMs ?? 10_000,
        connectTimeoutMs: 10_000,
        signal: signal ?? new AbortController().signal,
        observer: seen,
      });
      opened.push(session);
      return { session, facts: seen };
    },
    keepAlive(session) {
      const every = session.timeoutMs / 5;
      const renew = (): void => void session.renew(every).catch(() => {});
      const timer = setInterval(renew, every);
      renewals.add(() => clearInterval(timer));
    },
  };
  return setting;
}
