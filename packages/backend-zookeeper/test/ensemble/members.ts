import type { ZooKeeperEnsemble } from "@conclave/test-servers";
import { expect, onTestFinished, test } from "vitest";
import { provableDrivers } from "../support.js";
import {
  controlOf,
  eventually,
  expectGoesOn,
  kill,
  LONG_SESSION_MS,
  open,
  QUORUM_WITHIN_MS,
  statesOf,
  textOf,
  valuesOf,
} from "./support.js";

const timeout = 4 * QUORUM_WITHIN_MS;
const linearizable = { linearizable: true };

/** One of the members fails, and the others go on. */
export function memberCases(ensemble: () => ZooKeeperEnsemble): void {
  test.each(provableDrivers())(
    "SES-7 the follower of a session is killed: the session goes on at another member, with its nodes and watches; %s driver",
    { timeout },
    async (driver) => {
      const [follower] = await ensemble().followers();
      if (follower === undefined) throw new Error("no follower");
      const knows = ensemble().members.filter((member) => member !== follower);
      const options = { namespace: `/killed-${driver}`, sessionTimeoutMs: LONG_SESSION_MS };
      const a = await open(ensemble(), { ...options, at: follower, driver });
      const b = await open(ensemble(), { ...options, knows });
      const session = await a.session();
      const states = statesOf(session);
      await a.create("/mine", "", { ephemeral: true });
      await a.create("/seen", "before");
      const seen = valuesOf(a, "/seen");
      const mine = valuesOf(b, "/mine");
      await eventually(() => expect([seen, mine]).toEqual([["before"], [""]]));

      await kill(follower);
      await b.set("/seen", "meanwhile");
      await eventually(() => expect(seen.at(-1)).toBe("meanwhile"));
      await expectGoesOn(a, session);
      await b.set("/seen", "after");
      await eventually(() => expect(seen.at(-1)).toBe("after"));
      expect(new Set(states)).toEqual(new Set(["connected", "suspended"]));
      expect((await b.get("/mine", linearizable))?.ephemeralOwner).toBe(session.id);
      expect(mine).toEqual([""]);
      expect(await ensemble().serving(session.id)).not.toBe(follower);
    },
  );

  test("SES-7 the member of a session stops answering: the session moves to another within its timeout, and sees what happened meanwhile", {
    timeout,
  }, async () => {
    const [follower] = await ensemble().followers();
    if (follower === undefined) throw new Error("no follower");
    const knows = ensemble().members.filter((member) => member !== follower);
    const options = { namespace: "/paused", sessionTimeoutMs: 6_000 };
    const a = await open(ensemble(), { ...options, at: follower });
    const b = await open(ensemble(), { ...options, knows });
    const session = await a.session();
    const states = statesOf(session);
    await a.create("/mine", "", { ephemeral: true });
    await a.create("/seen", "before");
    const seen = valuesOf(a, "/seen");
    await eventually(() => expect(seen).toEqual(["before"]));

    const { pause, resume } = controlOf(follower);
    await pause();
    onTestFinished(resume);
    await b.set("/seen", "meanwhile");
    await eventually(() => expect(seen.at(-1)).toBe("meanwhile"));
    expect(textOf(await a.get("/seen", linearizable))).toBe("meanwhile");
    await expectGoesOn(a, session);
    expect(new Set(states)).toEqual(new Set(["connected", "suspended"]));
    expect((await b.get("/mine", linearizable))?.ephemeralOwner).toBe(session.id);
    expect(await ensemble().serving(session.id)).not.toBe(follower);
  });

  test("OUT-1 the leader is killed: calls are answered or say what is known of them, sessions and holds go on", {
    timeout,
  }, async () => {
    const leader = await ensemble().leader();
    const [follower] = await ensemble().followers();
    if (follower === undefined) throw new Error("no follower");
    const options = { namespace: "/leader", sessionTimeoutMs: LONG_SESSION_MS };
    const a = await open(ensemble(), { ...options, at: leader });
    const b = await open(ensemble(), { ...options, at: follower });
    const sessions = [await a.session(), await b.session()] as const;
    const states = sessions.map(statesOf);
    const leadership = await b.election("/e").campaign();
    const candidate = a.election("/e").campaign({ signal: AbortSignal.timeout(QUORUM_WITHIN_MS) });
    candidate.catch(() => {});
    await a.create("/w", "");

    const calls: Promise<string>[] = [];
    const write = (i: number) =>
      a.create(`/w/${i}`, "").then(
        () => "done",
        (error) => `${error.code} ${error.outcome}`,
      );
    const stop = new AbortController();
    const writing = (async () => {
      while (!stop.signal.aborted) {
        for (let i = 0; i < 5; i++) calls.push(write(calls.length));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await eventually(() => expect(calls.length).toBeGreaterThan(100));
    await kill(leader);
    await eventually(() => expect(states.map((all) => all[1])).toEqual(["suspended", "suspended"]));
    stop.abort();
    await writing;
    const before = calls.length;
    for (let i = 0; i < 5; i++) calls.push(write(calls.length));

    const outcomes = await Promise.all(calls);
    const made = new Set((await b.children("/w", linearizable)).map(({ name }) => Number(name)));
    for (const [i, outcome] of outcomes.entries()) {
      expect(["done", "CONNECTION_LOST unknown", "CONNECTION_LOST not-applied"]).toContain(outcome);
      if (outcome === "done") expect(made).toContain(i);
      if (outcome.endsWith("not-applied")) expect(made).not.toContain(i);
    }
    // What was asked for while there was no contact waited for it.
    expect(outcomes.slice(before)).toEqual(Array(5).fill("done"));
    for (const [i, coordinator] of [a, b].entries()) {
      const session = sessions[i];
      if (session !== undefined) await expectGoesOn(coordinator, session);
    }
    for (const seen of states) expect(new Set(seen)).toEqual(new Set(["connected", "suspended"]));
    expect(leadership.isHeld).toBe(true);
    expect((await a.election("/e").leader())?.token).toBe(leadership.token);
    await leadership.set("/w", "by the leader");
    await leadership.resign();
    expect((await candidate).token).toBeGreaterThan(leadership.token);
  });
}
