import { setTimeout as delay } from "node:timers/promises";
import { startMember } from "./group.js";
import type { RedisOptions } from "./redis.js";
import { ask } from "./redis-ask.js";
import type { ServerKind, TestServer } from "./server.js";

export { formed, type ServerGroup as RedisGroup, stopAll } from "./group.js";

export interface RedisGroupOptions extends RedisOptions {
  /**
   * All speak TLS, to clients and among themselves, and demand a certificate of whoever connects. The ports of `TestServer` stay
   * plain, for the tests themselves. Names of files.
   */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

const READY_WITHIN_MS = 30_000;

/** Starts one of a group. */
export function startRedisMember<Kind extends string>(
  kind: ServerKind<Kind, RedisOptions>,
  { tls, ...options }: RedisGroupOptions,
): Promise<TestServer<Kind>> {
  return startMember(tls === undefined ? kind : secured(kind, tls), options);
}

/** With one port more, for TLS. */
function secured<Kind extends string>(
  kind: ServerKind<Kind, RedisOptions>,
  { ca, cert, key }: NonNullable<RedisGroupOptions["tls"]>,
): ServerKind<Kind, RedisOptions> {
  return configured({ ...kind, ports: kind.ports + 1 }, (ports) => ({
    "tls-port": ports.at(-1) ?? 0,
    "tls-ca-cert-file": ca,
    "tls-cert-file": cert,
    "tls-key-file": key,
    "tls-replication": "yes",
    // Also what a Cluster tells clients: without it those that came by TLS are sent on to ports without it.
    "tls-cluster": "yes",
  }));
}

/** The same kind of server, with settings that depend on its ports. */
export function configured<Kind extends string>(
  kind: ServerKind<Kind, RedisOptions>,
  settings: (ports: readonly number[]) => NonNullable<RedisOptions["config"]>,
): ServerKind<Kind, RedisOptions> {
  return {
    ...kind,
    findBinary() {
      const binary = kind.findBinary();
      return (
        binary && {
          ...binary,
          command: (folder, ports, options) =>
            binary.command(folder, ports, { ...options, config: { ...options.config, ...settings(ports) } }),
        }
      );
    },
  };
}

/** Where members and clients find it: at its last port, if that is for TLS. */
export function portOf({ port, ports }: TestServer, { tls }: RedisGroupOptions): number {
  return tls === undefined ? port : (ports.at(-1) ?? port);
}

/** For the option `hosts` of the backend. */
export function addressesOf(servers: readonly TestServer[], options: RedisGroupOptions): string {
  const scheme = options.tls === undefined ? "redis" : "rediss";
  return servers.map((server) => `${scheme}://${server.host}:${portOf(server, options)}`).join(",");
}

/** Asks until the answer is as wanted. */
export async function untilAnswered(
  server: TestServer,
  command: readonly string[],
  wanted: RegExp,
): Promise<string> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const answer = await ask(server.url, command).catch((error: unknown) => String(error));
    if (wanted.test(answer)) return answer;
    if (performance.now() > deadline) {
      throw new Error(`${server.url}: ${command.join(" ")} says ${answer.slice(0, 500)}, not ${wanted}`);
    }
    await delay(50);
  }
}
