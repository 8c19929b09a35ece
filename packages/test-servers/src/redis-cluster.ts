import type { RedisOptions } from "./redis.js";
import { redis } from "./redis.js";
import { ask } from "./redis-ask.js";
import { formed, type RedisGroup, startMember, stopAll, untilAnswered } from "./redis-group.js";
import type { ServerKind, TestServer } from "./server.js";

/** A Redis Cluster of three masters. */
export interface RedisCluster extends RedisGroup {
  readonly masters: readonly TestServer<"redis">[];
}

const SLOTS = 16_384;
const MASTERS = 3;

export async function startRedisCluster(options: RedisOptions = {}): Promise<RedisCluster> {
  const all: TestServer[] = [];
  return formed(all, async (add) => {
    const masters: TestServer<"redis">[] = [];
    for (let i = 0; i < MASTERS; i++) masters.push(await add(startMember(clustered, options)));
    const [first] = masters;
    if (first === undefined) throw new Error("no master");
    for (const [i, master] of masters.entries()) {
      const from = Math.floor((SLOTS * i) / MASTERS);
      const to = Math.floor((SLOTS * (i + 1)) / MASTERS) - 1;
      await expectOk(master, ["CLUSTER", "SET-CONFIG-EPOCH", String(i + 1)]);
      await expectOk(master, ["CLUSTER", "ADDSLOTSRANGE", String(from), String(to)]);
      const bus = await ask(first.url, ["CONFIG", "GET", "cluster-port"]);
      const busPort = /(\d+)$/.exec(bus)?.[1] ?? "";
      await expectOk(master, ["CLUSTER", "MEET", first.host, String(first.port), busPort]);
    }
    for (const master of masters) {
      await untilAnswered(master, ["CLUSTER", "INFO"], /cluster_state:ok[\s\S]*cluster_known_nodes:3/);
    }
    const url = masters.map(({ host, port }) => `${host}:${port}`).join(",");
    return { url, masters, stop: () => stopAll(all) };
  });
}

/** The second port is for the members among themselves: by default it lies 10,000 higher, where others' ports are. */
const clustered: ServerKind<"redis", RedisOptions> = {
  ...redis,
  ports: 2,
  findBinary() {
    const binary = redis.findBinary();
    return (
      binary && {
        ...binary,
        command: (folder, ports, options) => {
          const [, busPort = 0] = ports;
          const cluster = {
            "cluster-enabled": "yes",
            "cluster-port": busPort,
            "cluster-node-timeout": 2_000,
          };
          return binary.command(folder, ports, { ...options, config: { ...options.config, ...cluster } });
        },
      }
    );
  },
};

async function expectOk(server: TestServer, command: readonly string[]): Promise<void> {
  const answer = await ask(server.url, command);
  if (answer !== "+OK") throw new Error(`${server.url}: ${command.join(" ")} says ${answer}`);
}
