import { type RedisOptions, redis } from "@conclave/backend-redis";
import { startRedis, type TestServer } from "@conclave/test-servers";
import { setUpSessions } from "@conclave/test-servers/spi";
import { Redis } from "ioredis";

export * from "@conclave/test-servers/spi";

/** One Redis and one proxy for a file; one namespace and all sessions closed for each test. */
export function setUp(
  start: () => Promise<TestServer<"redis">> = () =>
    startRedis({ controllable: true, appendonly: "everysec" }),
) {
  return setUpSessions<"redis", RedisOptions>({
    start,
    backend: (hosts, options) => redis({ hosts, ...options }),
  });
}

/** Runs commands at the server itself, beside the backend. */
export async function direct<T>(url: string, run: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { enableReadyCheck: false, disableClientInfo: true });
  try {
    return await run(client);
  } finally {
    client.disconnect();
  }
}
