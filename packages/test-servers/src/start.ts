import { startBinary } from "./binary.js";
import { dockerAnswers, startContainer } from "./docker.js";
import { type EtcdOptions, etcd } from "./etcd.js";
import { waitUntilReady } from "./ready.js";
import { type RedisOptions, redis } from "./redis.js";
import type { ServerKind, StartOptions, TestServer } from "./server.js";
import { type ZooKeeperOptions, zookeeper } from "./zookeeper.js";

/** Options of each kind of server. */
export interface OptionsByKind {
  readonly etcd: EtcdOptions;
  readonly redis: RedisOptions;
  readonly zookeeper: ZooKeeperOptions;
}

export type Kind = keyof OptionsByKind;

type Kinds = { readonly [K in Kind]: ServerKind<K, OptionsByKind[K]> };

export const kinds: Kinds = { etcd, redis, zookeeper };

/**
 * Starts a server, or uses the one that the environment names: first `CONCLAVE_<KIND>_URL`, then Docker if a daemon
 * answers, then the locally installed binary. Resolves when it has answered a real request. Says once per kind, on
 * stderr, which one it is.
 */
export function startServer<K extends Kind>(kind: K, options: OptionsByKind[K] = {}): Promise<TestServer<K>> {
  const description: ServerKind<K, OptionsByKind[K]> = kinds[kind];
  return start(description, options);
}

export function startEtcd(options: EtcdOptions = {}): Promise<TestServer<"etcd">> {
  return startServer("etcd", options);
}

export function startRedis(options: RedisOptions = {}): Promise<TestServer<"redis">> {
  return startServer("redis", options);
}

export function startZooKeeper(options: ZooKeeperOptions = {}): Promise<TestServer<"zookeeper">> {
  return startServer("zookeeper", options);
}

async function start<K extends string, O extends StartOptions>(
  kind: ServerKind<K, O>,
  options: O,
): Promise<TestServer<K>> {
  const given = process.env[kind.variable];
  if (given !== undefined && given !== "" && options.controllable !== true) {
    return announce(await useGiven(kind, given, options), kind.variable);
  }
  const binary = kind.findBinary();
  if (await dockerAnswers()) {
    try {
      return announce(await startContainer(kind, options), kind.container(options).image);
    } catch (error) {
      // A daemon that can't get the image, for example without a network.
      if (binary === undefined) throw error;
      process.stderr.write(`test-servers: no ${kind.kind} in Docker: ${String(error).slice(0, 200)}\n`);
    }
  }
  if (binary !== undefined) return announce(await startBinary(kind, binary, options), binary.path);
  const passedOver = given
    ? ` (${kind.variable} names one, but here it must be one that can be restarted)`
    : "";
  throw new Error(
    `There is no ${kind.kind} to test with${passedOver}. Any of these will do:\n` +
      `  - Debian or Ubuntu: apt-get install ${kind.debianPackages.join(" ")}   (as root: node packages/test-servers/dist/install.js)\n` +
      `  - start Docker\n` +
      (given
        ? ""
        : `  - name a running server: ${kind.variable}=${kind.url("127.0.0.1", kind.defaultPort)}\n`) +
      `  - ${kind.hint}`,
  );
}

async function useGiven<K extends string, O extends StartOptions>(
  kind: ServerKind<K, O>,
  url: string,
  options: O,
): Promise<TestServer<K>> {
  const first = url.split(",")[0] ?? url;
  const address = new URL(first.includes("://") ? first : `tcp://${first}`);
  const port = address.port === "" ? kind.defaultPort : Number(address.port);
  const version = await waitUntilReady(kind, url, options.startTimeoutMs ?? 30_000).catch(
    (error: unknown) => {
      throw new Error(`The ${kind.kind} named by ${kind.variable} does not answer.`, { cause: error });
    },
  );
  return {
    kind: kind.kind,
    version,
    host: address.hostname,
    port,
    ports: [port],
    url,
    origin: "env",
    control: undefined,
    stop: async () => {},
  };
}

const announced = new Set<string>();

function announce<K extends string>(server: TestServer<K>, source: string): TestServer<K> {
  if (!announced.has(server.kind)) {
    announced.add(server.kind);
    process.stderr.write(`test-servers: ${server.kind} ${server.version} (${server.origin}: ${source})\n`);
  }
  return server;
}
