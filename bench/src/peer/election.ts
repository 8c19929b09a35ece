import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Coordinator } from "@conclave/api";
import { median } from "../measure.js";
import { type Arguments, open, openAll } from "./arguments.js";
import { emit } from "./result.js";

const sessionTimeoutMs = 4_000;
const warmUps = 3;
const handOvers = 15;

/** From the start of a leader's resignation to the other candidate knowing that it leads. */
export async function electGraceful(given: Arguments): Promise<void> {
  const coordinators = await openAll(given, 2);
  const observer = await open(given);
  const campaign = async (i: number) => {
    const coordinator = coordinators[i % 2] ?? observer;
    const leadership = await coordinator.election(given.base).campaign({ data: "me" });
    return { leadership, wonAtMs: performance.now() };
  };
  let leader = (await campaign(0)).leadership;
  const samplesMs: number[] = [];
  for (let i = 1; i <= warmUps + handOvers; i += 1) {
    const next = campaign(i);
    await candidates(observer, given.base, 2);
    const startMs = performance.now();
    const resigned = leader.resign();
    const { leadership, wonAtMs } = await next;
    await resigned;
    if (i > warmUps) samplesMs.push(wonAtMs - startMs);
    leader = leadership;
  }
  emit(median(samplesMs), "ms", samplesMs);
  await leader.resign();
  await observer.delete(given.base).catch(() => {});
  for (const coordinator of [...coordinators, observer]) await coordinator.close();
}

/** From the leader's process being killed to the other candidate knowing that it leads. */
export async function electCrash(given: Arguments): Promise<void> {
  const coordinator = await open(given, sessionTimeoutMs);
  const child = await spawnLeader(given);
  try {
    const won = coordinator
      .election(given.base)
      .campaign({ data: "parent" })
      .then((leadership) => ({ leadership, wonAtMs: performance.now() }));
    await candidates(coordinator, given.base, 2);
    // Any phase of the dead one's renewals.
    await sleep(Math.random() * 1_300);
    const startMs = performance.now();
    child.kill("SIGKILL");
    const { leadership, wonAtMs } = await won;
    const tookMs = wonAtMs - startMs;
    emit(tookMs, "ms", [tookMs], { ratio_to_timeout: tookMs / sessionTimeoutMs });
    await leadership.resign();
    await coordinator.delete(given.base).catch(() => {});
    await coordinator.close();
  } finally {
    child.kill("SIGKILL");
  }
}

/** The process that `electCrash` kills. */
export async function crashLeader(given: Arguments): Promise<void> {
  const coordinator = await open(given, sessionTimeoutMs);
  await coordinator.election(given.base).campaign({ data: "child" });
  console.log("leader");
  await sleep(60_000);
}

async function spawnLeader({ store, server, base }: Arguments): Promise<ChildProcess> {
  const program = fileURLToPath(new URL("../peer.js", import.meta.url));
  const child = spawn(process.execPath, [program, store, "crash-leader", server, "--path", base], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  if (String(line) !== "leader\n") throw new Error("the child never led");
  return child;
}

/** Waits until so many stand in line, and has settled. */
async function candidates(coordinator: Coordinator, path: string, count: number): Promise<void> {
  while ((await coordinator.children(path)).length !== count) await sleep(5);
  await sleep(250);
}
