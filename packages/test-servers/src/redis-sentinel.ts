import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configuration, type RedisOptions, redis } from "./redis.js";
import { ask } from "./redis-ask.js";
import {
  addressesOf,
  formed,
  portOf,
  type RedisGroup,
  type RedisGroupOptions,
  startRedisMember,
  stopAll,
  untilAnswered,
} from "./redis-group.js";
import type { ServerKind, TestServer } from "./server.js";

export interface RedisSentinelsOptions extends RedisGroupOptions {
  /** Settings of the Sentinels, as `config` has those of the servers. */
  readonly sentinelConfig?: NonNullable<RedisOptions["config"]>;
}

/** A master, a replica, and three Sentinels that watch over them. */
export interface RedisSentinels extends RedisGroup {
  /** By which the Sentinels know the master. */
  readonly name: string;
  /** Both of them; which one is the master changes. */
  readonly servers: readonly TestServer<"redis">[];
  readonly sentinels: readonly TestServer<"redis-sentinel">[];
  /** The one that the Sentinels hold for the master now. */
  master(): Promise<TestServer<"redis">>;
}

const NAME = "main";
const DOWN_AFTER_MS = 500;

export async function startRedisSentinels(options: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
  const { sentinelConfig = {}, ...member } = options;
  const watcher = { ...member, config: sentinelConfig };
  const all: TestServer[] = [];
  return formed(all, async (add) => {
    const first = await add(startRedisMember(redis, member));
    const port = portOf(first, member);
    const config = { ...member.config, replicaof: `127.0.0.1 ${port}` };
    const second = await add(startRedisMember(redis, { ...member, config }));
    const servers = [first, second];
    await untilAnswered(first, ["INFO", "replication"], /state=online/);
    const sentinels: TestServer<"redis-sentinel">[] = [];
    for (let i = 0; i < 3; i++) sentinels.push(await add(startRedisMember(watching(port), watcher)));
    for (const sentinel of sentinels) {
      await untilAnswered(sentinel, ["SENTINEL", "SENTINELS", NAME], /^\*2\r\n/);
      await untilAnswered(sentinel, ["SENTINEL", "REPLICAS", NAME], /^\*1\r\n/);
    }
    const ports = new Map([
      [port, first],
      [portOf(second, member), second],
    ]);
    return {
      url: addressesOf(sentinels, member),
      name: NAME,
      servers,
      sentinels,
      master: () => masterBy(sentinels, ports),
      stop: () => stopAll(all),
    };
  });
}

async function masterBy(
  sentinels: readonly TestServer[],
  servers: ReadonlyMap<number, TestServer<"redis">>,
): Promise<TestServer<"redis">> {
  const [sentinel] = sentinels;
  const answer = await ask(sentinel?.url ?? "", ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
  const master = servers.get(Number(/(\d+)$/.exec(answer)?.[1]));
  if (master === undefined) throw new Error(`the Sentinels know no master: ${answer}`);
  return master;
}

/** A Sentinel of the master at this port. It keeps its knowledge in its configuration file. */
function watching(masterPort: number): ServerKind<"redis-sentinel", RedisOptions> {
  return {
    ...redis,
    kind: "redis-sentinel",
    findBinary() {
      const binary = redis.findBinary();
      return (
        binary && {
          ...binary,
          command: (folder, [port = 0], { config }) => {
            const data = join(folder, "data");
            mkdirSync(data, { recursive: true });
            const file = join(folder, "redis.conf");
            const sentinel = [
              `monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
              `down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
              `failover-timeout ${NAME} 3000`,
            ];
            if (!existsSync(file)) {
              writeFileSync(file, configuration({ port, bind: "127.0.0.1", dir: data, sentinel, ...config }));
            }
            return { file: binary.path, args: [file, "--sentinel"] };
          },
        }
      );
    },
  };
}
