import { Redis } from "ioredis";
import { end } from "./scripts/index.js";

/**
 * For tests: ends a session at the store by force, from another client. Resolves when it has ended, also if it had before. `host`
 * is as the option `hosts` takes one.
 */
export async function expireSession(host: string, sessionId: string): Promise<void> {
  await withClient(host, async (client) => {
    for (const key of await keysLike(client, `*}:s:${sessionId}`)) {
      const base = key.slice(0, key.lastIndexOf(":s:"));
      while ((await client.eval(end.source, 1, base, "end", sessionId))?.toString() !== "0");
    }
  });
}

/** For tests: has the store forget all changes that were not told yet. */
export async function trimChanges(host: string): Promise<void> {
  await withClient(host, async (client) => {
    for (const key of await keysLike(client, "*}:e:*")) await client.xtrim(key, "MAXLEN", 0);
  });
}

async function keysLike(client: Redis, pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const keys of client.scanStream({ match: pattern, count: 1_000 })) found.push(...keys);
  return found;
}

async function withClient(host: string, run: (client: Redis) => Promise<void>): Promise<void> {
  const client = new Redis(host.includes("://") ? host : `redis://${host}`);
  try {
    await run(client);
  } finally {
    client.disconnect();
  }
}
