import { ConclaveError, type Coordinator } from "@conclave/api";
import type { ZooKeeperEnsemble } from "@conclave/test-servers";
import { expect, test } from "vitest";
import { controlOf, LONG_SESSION_MS, open, QUORUM_WITHIN_MS, statesOf, textOf } from "./support.js";

interface Grant {
  readonly worker: number;
  readonly token: bigint;
  readonly signal: AbortSignal;
}

/** What the workers did, and what went wrong. */
class Record {
  readonly problems: string[] = [];
  readonly appended: string[] = [];
  readonly increments = { done: 0, unknown: 0 };
  grants = 0;
  #latest: Grant | undefined;

  granted(grant: Grant): void {
    const before = this.#latest;
    if (before !== undefined && grant.token <= before.token) {
      this.problems.push(`token ${grant.token} after ${before.token}`);
    }
    if (before !== undefined && !before.signal.aborted) {
      this.problems.push(`${grant.worker} holds the lock while ${before.worker} does`);
    }
    this.grants++;
    this.#latest = grant;
  }
}

/** Every member is restarted, one after another, while clients go on. */
export function rollingCases(ensemble: () => ZooKeeperEnsemble): void {
  test("LEAD-1, LEAD-2, CNT-1, DISC-3 a rolling restart of all members: no second holder, no token goes back, no acknowledged write is lost", {
    timeout: 6 * QUORUM_WITHIN_MS,
  }, async () => {
    const options = { namespace: "/rolling", sessionTimeoutMs: LONG_SESSION_MS };
    const workers = await Promise.all([1, 2, 3].map(() => open(ensemble(), options)));
    const [first, second] = workers;
    if (first === undefined || second === undefined) throw new Error("no workers");
    const sessions = await Promise.all(workers.map((worker) => worker.session()));
    const states = sessions.map(statesOf);
    await first.create("/log", "");
    await first.create("/register", "");
    await first.discovery("/services").register({ name: "web", address: "10.0.0.7", port: 80 });
    const view = await second.discovery("/services").view("web");
    await view.waitFor(1);
    const sizes: number[] = [];
    const viewing = (async () => {
      for await (const instances of view) sizes.push(instances.length);
    })();
    const retire = new AbortController();
    let terms = 0;
    const leading = first.election("/e").lead(
      (leadership) => {
        terms++;
        return new Promise<void>((resolve) => leadership.signal.addEventListener("abort", () => resolve()));
      },
      { signal: retire.signal },
    );
    leading.catch(() => {});

    const record = new Record();
    const stop = new AbortController();
    const working = workers.map((worker, index) => work(worker, index, record, stop.signal));
    for (const member of ensemble().members) {
      const before = record.grants;
      await controlOf(member).restart({ signal: "SIGTERM" });
      await ensemble().leader();
      // It went on with what it was.
      while (record.grants < before + 2 * workers.length) {
        await Promise.race([new Promise((resolve) => setTimeout(resolve, 10)), failure(working)]);
      }
    }
    stop.abort();
    await Promise.all(working);

    expect(record.problems).toEqual([]);
    expect(sessions.map(({ state }) => state)).toEqual(["connected", "connected", "connected"]);
    for (const seen of states) expect(seen).toContain("suspended");
    const entries = await second.childNodes("/log", { linearizable: true });
    const logged = entries.map(({ node }) => textOf(node) ?? "");
    expect(new Set(logged).size).toBe(logged.length);
    // OUT-3: whatever became of the reply, each is there once.
    expect([...logged].sort()).toEqual([...record.appended].sort());
    const count = Number(await second.counter("/counter").get({ linearizable: true }));
    const { done, unknown } = record.increments;
    expect(count).toBeGreaterThanOrEqual(done);
    expect(count).toBeLessThanOrEqual(done + unknown);
    expect(terms).toBe(1);
    retire.abort();
    await expect(leading).rejects.toMatchObject({ code: "ABORTED" });
    view.close();
    await viewing;
    expect(new Set(sizes)).toEqual(new Set([1]));
  });
}

/** Rejects as soon as one of them does. */
async function failure(working: readonly Promise<void>[]): Promise<void> {
  await Promise.all(working);
}

async function work(
  coordinator: Coordinator,
  worker: number,
  record: Record,
  signal: AbortSignal,
): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    const hold = await attempt(() => coordinator.lock("/lock").acquire());
    if (hold !== undefined) {
      record.granted({ worker, token: hold.token, signal: hold.signal });
      await attempt(() => hold.set("/register", String(hold.token)));
      const register = await coordinator.get("/register", { linearizable: true });
      if (hold.isHeld && Number(textOf(register)) > Number(hold.token)) {
        record.problems.push(`${textOf(register)} is in the register while ${hold.token} holds`);
      }
      await attempt(() => hold.release());
    }
    const line = `${worker}-${turn}`;
    await coordinator.create("/log/n-", line, { sequential: true });
    record.appended.push(line);
    const added = await attempt(() => coordinator.counter("/counter").increment());
    record.increments[added === undefined ? "unknown" : "done"]++;
  }
}

/** `undefined` when contact was lost, and with it what became of the call. */
async function attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (ConclaveError.is(error, "CONNECTION_LOST")) return undefined;
    throw error;
  }
}
