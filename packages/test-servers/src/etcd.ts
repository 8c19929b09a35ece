import { basename, join } from "node:path";
import { findOnPath } from "./process.js";
import type { ServerKind, StartOptions } from "./server.js";

export interface EtcdOptions extends StartOptions {
  /** Default 20: with the default of `electionTimeoutMs`, leases of one second are granted as asked. */
  readonly heartbeatIntervalMs?: number;
  /** A lease lives at least one and a half times this long, rounded up to seconds. Default 200. */
  readonly electionTimeoutMs?: number;
  /** More command line arguments. */
  readonly args?: readonly string[];
}

export const etcd: ServerKind<"etcd", EtcdOptions> = {
  kind: "etcd",
  variable: "CONCLAVE_ETCD_URL",
  defaultPort: 2379,
  debianPackages: ["etcd-server"],
  hint: "put `etcd` (3.4 or later) on the PATH: https://github.com/etcd-io/etcd/releases",
  ports: 2,

  url: (host, port) => `http://${host}:${port}`,

  async probe(url, timeoutMs) {
    const signal = AbortSignal.timeout(timeoutMs);
    const health = await json(await fetch(`${url}/health`, { signal }));
    if (health.health !== "true") throw new Error(`/health says ${JSON.stringify(health)}`);
    const body = JSON.stringify({ key: Buffer.from("probe").toString("base64"), count_only: true });
    const range = await json(await fetch(`${url}/v3/kv/range`, { method: "POST", body, signal }));
    if (range.header === undefined) throw new Error(`a range request got ${JSON.stringify(range)}`);
    const version = await json(await fetch(`${url}/version`, { signal }));
    return String(version.etcdserver);
  },

  findBinary() {
    const path = findOnPath("etcd");
    if (path === undefined) return undefined;
    return {
      path,
      answersFrom: async (url, folder) => {
        const signal = AbortSignal.timeout(2_000);
        const list = await fetch(`${url}/v3/cluster/member/list`, { method: "POST", body: "{}", signal });
        return JSON.stringify(await json(list)).includes(`"name":"${basename(folder)}"`);
      },
      command: (folder, [clientPort = 0, peerPort = 0], options) => {
        const clientUrl = `http://127.0.0.1:${clientPort}`;
        const peerUrl = `http://127.0.0.1:${peerPort}`;
        const name = basename(folder);
        return {
          file: path,
          args: [
            ...["--name", name, "--data-dir", join(folder, "data")],
            ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
            ...["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
            ...["--initial-cluster", `${name}=${peerUrl}`],
            ...timing(options),
            ...(options.args ?? []),
          ],
        };
      },
    };
  },

  container: (options) => ({
    image: "quay.io/coreos/etcd:v3.5.21",
    port: 2379,
    command: [
      "etcd",
      ...["--data-dir", "/data"],
      ...["--listen-client-urls", "http://0.0.0.0:2379", "--advertise-client-urls", "http://127.0.0.1:2379"],
      ...timing(options),
      ...(options.args ?? []),
    ],
  }),
};

export function timing(options: EtcdOptions): string[] {
  return [
    ...["--heartbeat-interval", String(options.heartbeatIntervalMs ?? 20)],
    ...["--election-timeout", String(options.electionTimeoutMs ?? 200)],
    "--logger=zap",
    "--log-level=warn",
  ];
}

export async function json(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${text.slice(0, 200)}`);
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new Error(`not an object: ${text.slice(0, 200)}`);
  return { ...value };
}
