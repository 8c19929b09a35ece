import { setTimeout as pause } from "node:timers/promises";
import { type Coordinator, connect } from "@conclave/api";
import { redis } from "@conclave/backend-redis";
import { ask, startRedis } from "@conclave/test-servers";
import { each } from "./measure.js";

/*
 * What nodes and sessions cost Redis in memory, by its own count: their keys, and beside them what connections cost.
 */

const nodes = 20_000;
const sessions = 300;
const data = Buffer.alloc(64, "x");

const server = await startRedis({ appendonly: false });
const backend = redis({ hosts: server.url });
const options = { namespace: "/memory", sessionTimeoutMs: 60_000 };

interface Memory {
  /** Of the keys. */
  readonly data: number;
  /** Everything else: connections, above all. */
  readonly other: number;
}

async function memory(): Promise<Memory> {
  // What a connection needs for its last request is given back after a while.
  await pause(4_000);
  const info = await ask(server.url, ["INFO", "memory"]);
  const used = Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
  const keys = (await ask(server.url, ["KEYS", "*"])).match(/^conclave:.*$/gm) ?? [];
  let data = 0;
  await each({ count: keys.length, width: 16 }, async (i) => {
    const usage = await ask(server.url, ["MEMORY", "USAGE", keys[i] ?? "", "SAMPLES", "0"]);
    data += Number(/^:(\d+)/.exec(usage)?.[1] ?? 0);
  });
  return { data, other: used - data };
}

async function measure(what: string, count: number, change: () => Promise<unknown>): Promise<void> {
  const before = await memory();
  await change();
  const after = await memory();
  const perOne = (name: keyof Memory) => Math.round((after[name] - before[name]) / count);
  console.log(
    `${what.padEnd(60)} ${String(perOne("data")).padStart(6)} ${String(perOne("other")).padStart(6)}`,
  );
}

const opened: Coordinator[] = [];
const open = async () => {
  const coordinator = await connect(backend, options);
  opened.push(coordinator);
  return coordinator;
};

try {
  const coordinator = await open();
  await coordinator.create("/p");
  await coordinator.create("/e");
  console.log(
    `${"bytes of Redis's memory for each".padEnd(60)} ${"keys".padStart(6)} ${"other".padStart(6)}`,
  );
  const create = (path: string, ephemeral: boolean) =>
    each({ count: nodes, width: 64 }, (i) => coordinator.create(`${path}/node-${i}`, data, { ephemeral }));
  await measure(`node of 64 bytes, among ${nodes.toLocaleString("en")}`, nodes, () => create("/p", false));
  await measure("ephemeral node, likewise", nodes, () => create("/e", true));
  await measure("idle session", sessions, () => each({ count: sessions, width: 16 }, open));
  const idle = opened.slice(-sessions);
  await measure("watch of a node, one for each session", sessions, async () => {
    for (const one of idle) await one.watch("/p")[Symbol.asyncIterator]().next();
  });
} finally {
  await Promise.all(opened.map((one) => one.close()));
  await server.stop();
}
