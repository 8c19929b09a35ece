import { deepStrictEqual, strictEqual } from "node:assert";
import { ConclaveError } from "@conclave/api";
import { rejects, text } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { type Scene, sceneOf } from "./holder.js";

/**
 * A scene whose holder makes every kind of call right after contact broke. `late` resolves once all of them have rejected as they
 * should, and rejects when one ends otherwise.
 */
export async function callsDuring(
  kit: Kit,
  fault: "refuse" | "blackHole",
): Promise<{ readonly scene: Scene; readonly late: Promise<unknown> }> {
  const scene = await sceneOf(kit);
  const { coordinator, session, link } = scene.holder;
  await coordinator.create("/target", "early");
  await coordinator.create("/stays");
  await link[fault]();
  const reads: Promise<unknown>[] = [
    session.get("/target"),
    session.children("/", { linearizable: true }),
    coordinator.election("/election").leader(),
  ];
  const writes: Promise<unknown>[] = [
    session.set("/target", "late"),
    coordinator.set("/target", "late"),
    session.create("/late"),
    session.create("/late-held", "", { ephemeral: true }),
    session.create("/late-", "", { sequential: true }),
    session.create("/late-held-", "", { ephemeral: true, sequential: true }),
    session.delete("/stays"),
    coordinator.election("/election").campaign(),
  ];
  if (coordinator.capabilities.transactions) {
    const operations = [
      { type: "create", path: "/late-too" },
      { type: "set", path: "/target", data: "late" },
    ] as const;
    writes.push(session.transaction(operations));
  }
  const late = Promise.all([
    ...reads.map((read) => rejects(read, "SESSION_LOST")),
    ...writes.map((write) => endsUnapplied(write)),
  ]);
  // It is awaited later; until then a failure is nobody's unhandled rejection.
  late.catch(() => {});
  return { scene, late };
}

/** A write that went into a hole is given up with its connection: nobody here can know what became of it (OUT-1). */
async function endsUnapplied(write: Promise<unknown>): Promise<void> {
  const error = await rejects(write, ["SESSION_LOST", "CONNECTION_LOST"]);
  if (error.code === "CONNECTION_LOST") strictEqual(error.outcome, "unknown");
}

/** None of those calls left a trace at the store. */
export async function nothingLate({ observer }: Scene): Promise<void> {
  const { coordinator } = observer;
  const target = await coordinator.get("/target", { linearizable: true });
  deepStrictEqual([text(target?.data), target?.version], ["early", 0]);
  const names = (await coordinator.children("/", { linearizable: true })).map(({ name }) => name);
  deepStrictEqual(names.filter((name) => name !== "election").sort(), ["deep", "stays", "target"]);
  deepStrictEqual(await coordinator.election("/election").leader(), undefined);
}

/** Writes to /target without a break until the session is over. */
export async function writeUntilRefused(kit: Kit, { session }: KitClient): Promise<void> {
  for (let count = 1; ; count += 1) {
    try {
      await session.set("/target", String(count));
    } catch (error) {
      if (ConclaveError.is(error, "SESSION_LOST")) return;
      if (!ConclaveError.is(error, "CONNECTION_LOST")) throw error;
    }
    // Where replies take no time, time would not pass.
    if (count % 10 === 0) await kit.sleep(1);
  }
}

/** Creates a node once /held is gone, and resolves with its revision: all that came before the end is older. */
export async function markWhenGone({ coordinator }: KitClient): Promise<bigint> {
  for await (const node of coordinator.watch("/held")) if (node === undefined) break;
  await coordinator.create("/marker");
  return (await coordinator.get("/marker"))?.createRevision ?? 0n;
}
