import { ok, strictEqual } from "node:assert";
import type { Kit, KitClient } from "../kit.js";
import { recordStates } from "../record.js";
import type { TestProcess } from "../target.js";
import { steady } from "./support.js";

/** A client that owns ephemeral nodes, one that watches them, and when each saw what, on one clock. */
export interface Scene {
  readonly holder: KitClient;
  readonly observer: KitClient;
  /** The ephemeral nodes, at different depths. */
  readonly nodes: readonly string[];
  /** The holder's states so far. */
  readonly states: readonly string[];
  /** When the holder's signal aborted. */
  lostAtMs(): number | undefined;
  /** When a watch of the observer first told it that a node is gone. */
  goneAtMs(): number | undefined;
}

/** Scenes of one test differ in their `root`, below which everything is. */
export async function sceneOf(kit: Kit, root = ""): Promise<Scene> {
  // The observer must outlast what befalls the holder, and a machine that stalls.
  const [holder, observer] = [await kit.client(), await kit.client(steady(kit))];
  const nodes = [`${root}/held`, `${root}/deep/held`, `${root}/deep/er/held`];
  for (const path of nodes) await holder.session.create(path, "held", { ephemeral: true, parents: true });
  let lostAtMs: number | undefined;
  let goneAtMs: number | undefined;
  holder.session.signal.addEventListener("abort", () => {
    lostAtMs = kit.clock.now();
  });
  const watched = new Set<string>();
  const watch = async (path: string) => {
    for await (const node of observer.coordinator.watch(path)) {
      watched.add(path);
      if (node === undefined) goneAtMs ??= kit.clock.now();
    }
  };
  // They end with the observer.
  for (const path of nodes) watch(path).catch(() => {});
  const states = recordStates(holder.session);
  await kit.until("all nodes watched", holder.session.timeoutMs, () => watched.size === nodes.length);
  ok(goneAtMs === undefined, "a node was gone before anything happened");
  return { holder, observer, nodes, states, lostAtMs: () => lostAtMs, goneAtMs: () => goneAtMs };
}

/** Which of the scene's nodes stand, as the store says. */
export async function standing({ observer, nodes }: Scene): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of nodes) {
    if (await observer.coordinator.exists(path, { linearizable: true })) found.push(path);
  }
  return found;
}

/** Waits until all nodes are gone: at most the effective timeout and the backend's stated bound (SES-6). */
export async function allGone(kit: Kit, scene: Scene): Promise<void> {
  const { timeoutMs } = scene.holder.session;
  await kit.until("all ephemeral nodes gone", timeoutMs + kit.target.expiryBoundMs, async () => {
    return (await standing(scene)).length === 0;
  });
}

/** After contact broke for good: the holder knew of its loss before the observer was told that a node is gone (SES-3). */
export async function holderKnewFirst(kit: Kit, scene: Scene): Promise<void> {
  const { timeoutMs } = scene.observer.session;
  const limitMs = 2 * timeoutMs + kit.target.expiryBoundMs;
  await kit.until("the watches told it", limitMs, () => scene.goneAtMs() !== undefined);
  strictEqual(scene.holder.session.state, "lost");
  const [lostAtMs = Number.POSITIVE_INFINITY, goneAtMs = 0] = [scene.lostAtMs(), scene.goneAtMs()];
  ok(lostAtMs < goneAtMs, `lost at ${lostAtMs} ms, gone for others at ${goneAtMs} ms`);
}

/** A process that holds the ephemeral node /held, beside a persistent /target; `gone` waits until the former vanishes. */
export async function holdingProcess(
  kit: Kit,
  observer: KitClient,
): Promise<{ readonly process: TestProcess; gone(): Promise<void> }> {
  const { coordinator, session } = observer;
  await coordinator.create("/target", "early");
  const process = await kit.process();
  const reply = await process.run({ type: "create", path: "/held", data: "", ephemeral: true });
  strictEqual(reply.error, undefined);
  const gone = async () => {
    await kit.until("its ephemeral node gone", session.timeoutMs + kit.target.expiryBoundMs, async () => {
      return !(await coordinator.exists("/held", { linearizable: true }));
    });
  };
  return { process, gone };
}
