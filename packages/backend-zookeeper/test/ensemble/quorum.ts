import { setTimeout as delay } from "node:timers/promises";
import type { Leadership } from "@conclave/api";
import type { ZooKeeperEnsemble } from "@conclave/test-servers";
import { expect, test } from "vitest";
import { eventually, kill, open, QUORUM_WITHIN_MS, statesOf } from "./support.js";

const sessionTimeoutMs = 2_000;

/** No member can serve, or one serves that has lost the others. */
export function quorumCases(ensemble: () => ZooKeeperEnsemble): void {
  test("SES-3, DISC-2 the quorum is lost: calls reject, sessions are lost by their deadline; once it is back all that spans sessions goes on", {
    timeout: 4 * QUORUM_WITHIN_MS,
  }, async () => {
    const options = { namespace: "/quorum", sessionTimeoutMs };
    const [a, b] = [await open(ensemble(), options), await open(ensemble(), options)];
    await a.create("/n", "");
    const registration = await a
      .discovery("/services")
      .register({ name: "web", address: "10.0.0.7", port: 8080 });
    const view = await b.discovery("/services").view("web");
    await view.waitFor(1);
    const leaderships: Leadership[] = [];
    const retire = new AbortController();
    const leading = a.election("/e").lead(
      (leadership) => {
        leaderships.push(leadership);
        return new Promise<void>((resolve) => leadership.signal.addEventListener("abort", () => resolve()));
      },
      { signal: retire.signal },
    );
    leading.catch(() => {});
    await eventually(() => expect(leaderships).toHaveLength(1));
    const session = await a.session();
    const states = statesOf(session);

    const leader = await ensemble().leader();
    const [follower] = await ensemble().followers();
    if (follower === undefined) throw new Error("no follower");
    const bringBack = await Promise.all([kill(follower), kill(leader)]);
    const killedAtMs = performance.now();
    const calls = [
      session.get("/n"),
      session.get("/n", { linearizable: true }),
      session.set("/n", "in vain"),
      session.create("/n/m", "", { ephemeral: true }),
    ];
    const settled = Promise.allSettled(calls);
    while (performance.now() < killedAtMs + sessionTimeoutMs) await delay(10);
    expect(session.state).toBe("lost");
    for (const outcome of await settled) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "SESSION_LOST" } });
    }
    await eventually(() => expect(states).toEqual(["connected", "suspended", "lost"]));
    expect(leaderships[0]?.isHeld).toBe(false);
    // Nobody knows better.
    expect(view.stale).toBe(true);
    expect(view.instances).toHaveLength(1);
    await expect(a.get("/n", { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ code: "ABORTED" });

    await Promise.all(bringBack.map((back) => back()));
    const next = await a.session({ timeoutMs: QUORUM_WITHIN_MS });
    expect(next.id).not.toBe(session.id);
    await eventually(() => expect(registration.sessionId).toBe(next.id));
    await view.waitFor(1, { timeoutMs: QUORUM_WITHIN_MS });
    await eventually(() => expect(leaderships).toHaveLength(2));
    expect(leaderships[1]?.token).toBeGreaterThan(leaderships[0]?.token ?? 0n);
    // Of the former session nothing is left, and of the new one nothing goes with it.
    const entries = () => b.children("/services/web", { linearizable: true });
    await eventually(async () => expect(await entries()).toHaveLength(1));
    expect(view.instances).toHaveLength(1);
    expect((await a.get("/n"))?.version).toBe(0);
    retire.abort();
    await expect(leading).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("SES-3 a member is cut off from its leader and goes on answering: its sessions know that they are lost before others see it", {
    timeout: 4 * QUORUM_WITHIN_MS,
  }, async () => {
    const leader = await ensemble().leader();
    const [follower] = await ensemble().followers();
    if (follower === undefined) throw new Error("no follower");
    const namespace = "/cut-off";
    // Shorter than the twenty ticks of 100 ms for which a follower believes in its leader.
    const a = await open(ensemble(), { namespace, sessionTimeoutMs: 1_200, knows: [follower] });
    const b = await open(ensemble(), { namespace, sessionTimeoutMs: 20_000, knows: [leader] });
    const session = await a.session();
    const lock = await a.lock("/lock").acquire();
    const waiting = b.lock("/lock").acquire({ timeoutMs: QUORUM_WITHIN_MS });
    waiting.catch(() => {});
    try {
      await eventually(async () => expect(await b.children("/lock")).toHaveLength(2));
      ensemble().cutOff(follower);
      const rival = await waiting;
      expect({ lock: lock.isHeld, session: session.state }).toEqual({ lock: false, session: "lost" });
      expect(rival.token).toBeGreaterThan(lock.token);
      await rival.release();
    } finally {
      ensemble().heal();
    }
  });
}
