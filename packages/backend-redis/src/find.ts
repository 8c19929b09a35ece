import { systemClock, within } from "@conclave/api/backend";
import type { Redis } from "ioredis";
import { reasonOf, replyCode } from "./errors.js";
import type { Host, RedisConfig } from "./options.js";
import { clientOf, connected, rawClient } from "./raw.js";

/** Nodes of the cluster, as one of them has told: those given may be gone for good by now. */
const learned = new WeakMap<RedisConfig, readonly Host[]>();

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
  const given = topology.type === "cluster" ? topology.hosts : nodesOf(topology.client);
  const seeds = distinct([...given, ...(learned.get(config) ?? [])]);
  const deadlineMs = performance.now() + timeoutMs;
  const failures: string[] = [];
  let cause: unknown;
  for (const [i, seed] of seeds.entries()) {
    // What the ones before did not need is for those to come.
    const eachMs = Math.max(1, Math.ceil((deadlineMs - performance.now()) / (seeds.length - i + 1)));
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
  const deadlineMs = performance.now() + timeoutMs;
  const raw = await connected(clientOf(config, seed, timeoutMs), timeoutMs, signal);
  try {
    const asked = Promise.all([raw.cluster("KEYSLOT", base), raw.cluster("MYID"), raw.cluster("SLOTS")]);
    // One that is stopped still accepts connections.
    const [slot, own, answer] = await within(
      systemClock,
      deadlineMs - performance.now(),
      asked,
      () => new Error(`no answer within ${timeoutMs} ms`),
    );
    const ranges = rangesIn(answer, seed);
    learned.set(
      config,
      ranges.flatMap(({ nodes }) => nodes),
    );
    const owner = ranges.find(({ first, last }) => first <= Number(slot) && Number(slot) <= last)?.nodes[0];
    if (owner === undefined) throw new Error("the cluster has no master for this namespace's slot");
    if (owner.id === own) return raw;
    const leftMs = Math.max(1, Math.ceil(deadlineMs - performance.now()));
    const master = await connected(clientOf(config, owner, leftMs), leftMs, signal);
    raw.disconnect();
    return master;
  } catch (error) {
    raw.disconnect();
    throw error;
  }
}

interface Range {
  readonly first: number;
  readonly last: number;
  /** The master, and then its replicas. */
  readonly nodes: readonly (Host & { readonly id: string })[];
}

/** From the answer of CLUSTER SLOTS: lists of first slot, last slot, master, replicas; a node is its host, port, id. */
function rangesIn(answer: unknown, asked: Host): Range[] {
  if (!Array.isArray(answer)) return [];
  return answer.map((range) => {
    const [first, last, ...nodes] = range as [number, number, ...[string | null, number, string][]];
    // "?" and nothing at all both mean: the address by which you asked.
    const known = (host: string | null) => (host === null || host === "" || host === "?" ? asked.host : host);
    return { first, last, nodes: nodes.map(([host, port, id]) => ({ host: known(host), port, id })) };
  });
}

function nodesOf(client: { nodes(role: "all"): Redis[] }): Host[] {
  return client.nodes("all").map(({ options }) => ({
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 6379,
  }));
}

/** Each once. */
function distinct(hosts: readonly Host[]): Host[] {
  return [...new Map(hosts.map(({ host, port }) => [`${host}:${port}`, { host, port }])).values()];
}
