import { redis } from "./redis.js";
import { ask } from "./redis-ask.js";
import {
  addressesOf,
  configured,
  formed,
  portOf,
  type RedisGroup,
  type RedisGroupOptions,
  startRedisMember,
  stopAll,
  untilAnswered,
} from "./redis-group.js";
import type { TestServer } from "./server.js";

export interface RedisClusterOptions extends RedisGroupOptions {
  /** Each master has a replica, which takes over when it fails. Default false. */
  readonly replicas?: boolean;
}

/** A Redis Cluster of three masters. */
export interface RedisCluster extends RedisGroup {
  /** Those who were masters at the start. */
  readonly masters: readonly TestServer<"redis">[];
  /** Theirs, in the same order. */
  readonly replicas: readonly TestServer<"redis">[];
}

const SLOTS = 16_384;
const MASTERS = 3;

export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { replicas: withReplicas = false, ...member } = options;
  const all: TestServer<"redis">[] = [];
  return formed(all, async (add) => {
    const count = withReplicas ? 2 * MASTERS : MASTERS;
    for (let i = 0; i < count; i++) await add(startRedisMember(clustered, member));
    const [masters, replicas] = [all.slice(0, MASTERS), all.slice(MASTERS)];
    for (const [i, master] of masters.entries()) {
      const from = Math.floor((SLOTS * i) / MASTERS);
      const to = Math.floor((SLOTS * (i + 1)) / MASTERS) - 1;
      await expectOk(master, ["CLUSTER", "SET-CONFIG-EPOCH", String(i + 1)]);
      await expectOk(master, ["CLUSTER", "ADDSLOTSRANGE", String(from), String(to)]);
    }
    await introduce(all, member);
    for (const [i, replica] of replicas.entries()) await follow(replica, masters[i]);
    for (const server of all) {
      const wanted = new RegExp(`cluster_state:ok[\\s\\S]*cluster_known_nodes:${count}\\r`);
      await untilAnswered(server, ["CLUSTER", "INFO"], wanted);
    }
    return { url: addressesOf(masters, member), masters, replicas, stop: () => stopAll(all) };
  });
}

async function introduce(all: readonly TestServer[], options: RedisGroupOptions): Promise<void> {
  const [first] = all;
  if (first === undefined) throw new Error("no server");
  for (const server of all) {
    const ports = [portOf(server, options), server.ports[1]].map(String);
    await expectOk(first, ["CLUSTER", "MEET", server.host, ...ports]);
  }
}

/** As soon as it has heard of the master from the others. */
async function follow(replica: TestServer, master: TestServer | undefined): Promise<void> {
  if (master === undefined) throw new Error("no master");
  const id = /\w{40}/.exec(await ask(master.url, ["CLUSTER", "MYID"]))?.[0] ?? "";
  await untilAnswered(replica, ["CLUSTER", "REPLICATE", id], /^\+OK/);
  await untilAnswered(master, ["INFO", "replication"], /state=online/);
}

/** The second port is for the members among themselves: by default it lies 10,000 higher, where others' ports are. */
const clustered = configured({ ...redis, ports: 2 }, ([, busPort = 0]) => ({
  "cluster-enabled": "yes",
  "cluster-port": busPort,
  "cluster-node-timeout": 2_000,
}));

async function expectOk(server: TestServer, command: readonly string[]): Promise<void> {
  const answer = await ask(server.url, command);
  if (answer !== "+OK") throw new Error(`${server.url}: ${command.join(" ")} says ${answer}`);
}
