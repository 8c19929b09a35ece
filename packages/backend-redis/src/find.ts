import type { Redis } from "ioredis";
import { reasonOf, replyCode } from "./errors.js";
import type { Host, RedisConfig } from "./options.js";
import { clientOf, connected, rawClient } from "./raw.js";

/** Connects to the server that has the keys of this namespace: whichever master it is at the moment. */
export async function connectToMaster(
  config: RedisConfig,
  base: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Redis> {
  const { topology } = config;
  if (topology.type !== "cluster" && topology.type !== "cluster client") {
    return connected(rawClient(config, timeoutMs), timeoutMs, signal);
  }
  const seeds = topology.type === "cluster" ? topology.hosts : nodesOf(topology.client);
  const eachMs = timeoutMs / (seeds.length + 1);
  const failures: string[] = [];
  let cause: unknown;
  for (const seed of seeds) {
    try {
      return await masterBySeed(config, seed, base, eachMs, signal);
    } catch (error) {
      signal.throwIfAborted();
      cause = error;
      failures.push(`${seed.host}:${seed.port}: ${reasonOf(error)}`);
      // All nodes have the same users.
      if (["WRONGPASS", "NOAUTH", "NOPERM"].includes(replyCode(error) ?? "")) throw error;
    }
  }
  throw new Error(failures.join("; ") || "the client given knows no node of its cluster yet", { cause });
}

async function masterBySeed(
  config: RedisConfig,
  seed: Host,
  base: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Redis> {
  const raw = await connected(clientOf(config, seed, timeoutMs), timeoutMs, signal);
  try {
    const [slot, own, ranges] = await Promise.all([
      raw.cluster("KEYSLOT", base),
      raw.cluster("MYID"),
      raw.cluster("SLOTS"),
    ]);
    const owner = ownerOf(ranges, Number(slot));
    if (owner === undefined) throw new Error("the cluster has no master for this namespace's slot");
    if (owner.id === own) return raw;
    const at = { host: owner.host === "" ? seed.host : owner.host, port: owner.port };
    const master = await connected(clientOf(config, at, timeoutMs), timeoutMs, signal);
    raw.disconnect();
    return master;
  } catch (error) {
    raw.disconnect();
    throw error;
  }
}

/** From the answer of CLUSTER SLOTS: lists of first slot, last slot, master, replicas; a node is its host, port, id. */
function ownerOf(ranges: unknown, slot: number): (Host & { id: string }) | undefined {
  if (!Array.isArray(ranges)) return undefined;
  for (const range of ranges) {
    const [first, last, master] = range as [number, number, [string | null, number, string]];
    if (slot < first || slot > last) continue;
    const [host, port, id] = master;
    // "?" and nothing at all both mean: the address by which you asked.
    return { host: host === null || host === "?" ? "" : host, port, id };
  }
  return undefined;
}

function nodesOf(client: { nodes(role: "all"): Redis[] }): Host[] {
  return client.nodes("all").map(({ options }) => ({
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 6379,
  }));
}
