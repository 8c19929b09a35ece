import type { ZooKeeperEnsemble } from "@conclave/test-servers";
import { expect, test } from "vitest";
import { LONG_SESSION_MS, open, QUORUM_WITHIN_MS, textOf } from "./support.js";

const DELAY_MS = 50;
const ROUNDS = 8;

/** Clients of different members, of which one lags behind. */
export function readCases(ensemble: () => ZooKeeperEnsemble): void {
  test("READ-2 what was acknowledged to a client of one member is seen by a linearizable read at another, which lags behind", {
    timeout: QUORUM_WITHIN_MS,
  }, async () => {
    const leader = await ensemble().leader();
    const [follower] = await ensemble().followers();
    if (follower === undefined) throw new Error("no follower");
    const options = { namespace: "/reads", sessionTimeoutMs: LONG_SESSION_MS };
    const writer = await open(ensemble(), { ...options, knows: [leader] });
    const reader = await open(ensemble(), { ...options, knows: [follower] });
    await writer.create("/n", "0");
    await writer.create("/dir", "");
    const plain: (string | undefined)[] = [];
    const linearizable: (string | undefined)[] = [];
    const listed: number[] = [];
    ensemble().delay(follower, DELAY_MS);
    try {
      for (let round = 1; round <= ROUNDS; round++) {
        await writer.set("/n", String(round));
        await writer.create(`/dir/${round}`, "");
        const reads = [reader.get("/n"), reader.get("/n", { linearizable: true })];
        listed.push((await reader.children("/dir", { linearizable: true })).length);
        const [first, second] = await Promise.all(reads);
        plain.push(textOf(first));
        linearizable.push(textOf(second));
      }
    } finally {
      ensemble().heal();
    }
    const rounds = Array.from({ length: ROUNDS }, (_, index) => index + 1);
    expect(linearizable).toEqual(rounds.map(String));
    expect(listed).toEqual(rounds);
    // Or else nothing lagged behind, and nothing was shown.
    expect(plain).not.toEqual(linearizable);
    // In a session, never back in time.
    const numbers = plain.map(Number);
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
  });
}
