import { describe, expect, test } from "vitest";
import {
  backAsFollower,
  type Evidence,
  failoverWithinBound,
  handedOutAgain,
  judge,
  noTaskLost,
  oneLeaderAtATime,
  tokensGrow,
} from "../src/checks.js";
import type { Entry } from "../src/facts.js";
import { goodEvidence, withEntries, withResults } from "./histories.js";

test("a good history passes every check", () => {
  expect(judge(goodEvidence).filter(({ holds }) => !holds)).toEqual([]);
  expect(judge(goodEvidence)).toHaveLength(6);
});

test("no history at all passes none", () => {
  const store = { tasks: new Map(), results: new Map(), leaderToken: undefined };
  const nothing: Evidence = { entries: [], store, published: [], expiryBoundMs: 500 };
  expect(judge(nothing).filter(({ holds }) => holds)).toEqual([]);
});

describe("one leader at a time", () => {
  test("fails when the second begins before the first is dead", () => {
    expect(oneLeaderAtATime(electedAt(99)).holds).toBe(false);
    expect(oneLeaderAtATime(electedAt(101)).holds).toBe(true);
  });

  test("a claim also ends when its leader says so, and no sooner", () => {
    expect(oneLeaderAtATime(deposedAt(40, electedAt(50))).holds).toBe(true);
    expect(oneLeaderAtATime(deposedAt(60, electedAt(50))).holds).toBe(false);
  });

  test("fails when nothing ended the first claim", () => {
    const bad = without((entry) => entry.type === "killed");
    expect(oneLeaderAtATime(bad)).toMatchObject({
      holds: false,
      figures: expect.stringContaining("1 of 2 claims"),
    });
  });

  test("a claim is not hidden by a shorter one between", () => {
    const shortClaim: readonly Entry[] = [
      { worker: "three", life: 1, atMs: 200, type: "elected", token: 6n },
      { worker: "three", life: 1, atMs: 210, type: "deposed", token: 6n },
    ];
    const bad = withEntries(goodEvidence, (entry) => (entry.type === "killed" ? shortClaim : entry));
    expect(oneLeaderAtATime(bad).holds).toBe(false);
  });

  function deposedAt(atMs: number, evidence: Evidence): Evidence {
    const deposed: Entry = { worker: "one", life: 1, atMs, type: "deposed", token: 5n };
    return withEntries(evidence, (entry) => (entry.type === "killed" ? [deposed, entry] : entry));
  }
});

describe("fencing tokens grow", () => {
  test.each([5n, 4n])("fails when 5 is followed by %s", (token) => {
    const bad = withEntries(goodEvidence, (entry) =>
      entry.type === "elected" && entry.worker === "two" ? { ...entry, token } : entry,
    );
    expect(tokensGrow({ ...bad, store: { ...bad.store, leaderToken: token } }).holds).toBe(false);
  });

  test("fails when a result bears the token of no leader", () => {
    const bad = withResults(goodEvidence, (results) => {
      results.set("b", { result: "", worker: "two", token: 7n });
    });
    expect(tokensGrow(bad).holds).toBe(false);
  });

  test.each([5n, undefined])("fails when the store names %s", (leaderToken) => {
    expect(tokensGrow({ ...goodEvidence, store: { ...goodEvidence.store, leaderToken } }).holds).toBe(false);
  });
});

describe("failover in time", () => {
  test("holds up to session timeout + bound after the death", () => {
    expect(failoverWithinBound(electedAt(1_600)).holds).toBe(true);
    expect(failoverWithinBound(electedAt(1_601)).holds).toBe(false);
  });

  test("fails when nobody takes over", () => {
    expect(failoverWithinBound(without((e) => e.type === "elected" && e.worker === "two")).holds).toBe(false);
  });
});

describe("unfinished work passed on", () => {
  const isPassedOn = (entry: Entry) => entry.type === "assigned" && entry.from === "one";

  test("fails when nothing was handed out again", () => {
    expect(handedOutAgain(without(isPassedOn)).holds).toBe(false);
  });

  test("fails when one of two was forgotten", () => {
    const second: Entry = {
      worker: "one",
      life: 1,
      atMs: 21,
      type: "assigned",
      task: "c",
      to: "one",
      from: undefined,
      token: 5n,
    };
    const bad = withEntries(goodEvidence, (entry) =>
      entry.type === "took" && entry.task === "a" ? [second, entry] : entry,
    );
    expect(handedOutAgain(bad)).toMatchObject({ holds: false, figures: expect.stringContaining("c") });
  });

  test("a result written just before the death needs no second try", () => {
    const unsaid = withResults(
      withEntries(goodEvidence, (entry) =>
        entry.type === "assigned" && entry.task === "b" ? { ...entry, to: "one" } : entry,
      ),
      (results) => {
        results.set("b", { result: "", worker: "one", token: 5n });
      },
    );
    expect(handedOutAgain(unsaid).holds).toBe(true);
  });
});

describe("no task lost", () => {
  test("fails when a result is missing", () => {
    const bad = withResults(goodEvidence, (results) => {
      results.delete("b");
    });
    expect(noTaskLost(bad)).toMatchObject({ holds: false, figures: expect.stringContaining("missing: b") });
  });

  test("fails when a result is wrong", () => {
    const bad = withResults(goodEvidence, (results) => {
      results.set("b", { result: "beef", worker: "two", token: 5n });
    });
    expect(noTaskLost(bad)).toMatchObject({ holds: false, figures: expect.stringContaining("wrong: b") });
  });
});

describe("the old leader came back as a follower", () => {
  test("fails when it did not come back", () => {
    expect(backAsFollower(without(({ life }) => life === 2)).holds).toBe(false);
  });

  test("fails when it was elected at once", () => {
    const bad = withEntries(goodEvidence, (entry) =>
      entry.type === "follows" ? [entry, { ...entry, type: "elected", token: 11n }] : entry,
    );
    expect(backAsFollower(bad).holds).toBe(false);
  });

  test("fails when it follows nobody, or gets no work", () => {
    expect(backAsFollower(without(({ type }) => type === "follows")).holds).toBe(false);
    expect(backAsFollower(without(({ type, life }) => type === "done" && life === 2)).holds).toBe(false);
  });
});

function electedAt(atMs: number): Evidence {
  return withEntries(goodEvidence, (entry) =>
    entry.type === "elected" && entry.worker === "two" ? { ...entry, atMs } : entry,
  );
}

function without(matches: (entry: Entry) => boolean): Evidence {
  return withEntries(goodEvidence, (entry) => (matches(entry) ? undefined : entry));
}
