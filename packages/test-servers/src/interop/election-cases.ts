import assert from "node:assert/strict";
import type { Coordinator, Election, Leadership } from "@conclave/api";
import type { RegisterCase } from "./register.js";
import { freshPath, type InteropSetting, SHORT_SESSION_MS, settle, until } from "./setting.js";

const ROUNDS = 10;
const LIMIT_MS = 60_000;

/** What holds for every foreign election that keeps to our line. */
export function electionCases(register: RegisterCase, setting: InteropSetting): void {
  const { namespace } = setting;
  const seenByThem = (path: string) => setting.foreign().call("leader", "observer", namespace + path);

  register(
    "election: they and we lead in turn, and either side sees who leads and what it says of itself",
    async () => {
      const path = freshPath();
      const foreign = setting.foreign();
      const coordinator = await setting.connect();
      const election = coordinator.election(path);
      const observed = observe((await setting.connect()).election(path));
      try {
        assert.equal(await election.leader(), undefined);
        let ours: Leadership = await election.campaign({ data: "ours 0" });
        for (let round = 0; round < ROUNDS; round += 1) {
          assert.equal(await leaderOf(election), `ours ${round}`);
          assert.equal(await seenByThem(path), `ours ${round}`);
          const theirs = foreign.call("campaign", "candidate", namespace + path, `theirs-${round}`);
          await standing(coordinator, path, 2);
          assert.equal(await settle(theirs), "pending");
          await ours.resign();
          const key = await theirs;
          assert.equal(await leaderOf(election), `theirs-${round}`);
          assert.equal(await seenByThem(path), `theirs-${round}`);
          const leader = await election.leader();
          assert.equal(`${namespace}${leader?.path}`, key);
          assert.ok(leader !== undefined && leader.token > ours.token);
          // The observer has come to see it before it is over.
          await until("it is observed", () => observed.names.at(-1) === `theirs-${round}`);
          const next = election.campaign({ data: `ours ${round + 1}` });
          assert.equal(await settle(next), "pending");
          await foreign.call("resign", "candidate");
          ours = await next;
          assert.ok(ours.token > leader.token);
          await until("it is observed", () => observed.names.at(-1) === `ours ${round + 1}`);
        }
        await ours.resign();
        assert.equal(await seenByThem(path), "");
        assert.equal(await election.leader(), undefined);
      } finally {
        observed.stop();
      }
    },
    LIMIT_MS,
  );

  register(
    "election: when their leader is killed we lead, and when ours is killed they do",
    async () => {
      const path = freshPath();
      const mortal = setting.mortalForeign();
      await mortal.call("campaign", "dies", namespace + path, "mortal");
      const coordinator = await setting.connect();
      const election = coordinator.election(path);
      assert.equal(await leaderOf(election), "mortal");
      const succession = election.campaign({ data: "ours" });
      assert.equal(await settle(succession), "pending");
      await mortal.kill();
      const leadership = await succession;
      assert.equal(await seenByThem(path), "ours");

      const own = setting.mortalOwn();
      const leading = own.call("campaign", namespace + path, "own");
      await standing(coordinator, path, 2);
      await leadership.resign();
      await leading;
      assert.equal(await seenByThem(path), "own");
      const heir = setting.foreign().call("campaign", "heir", namespace + path, "heir");
      await standing(coordinator, path, 2);
      assert.equal(await settle(heir), "pending");
      await own.kill();
      await heir;
      assert.equal(await leaderOf(election), "heir");
      assert.equal(await seenByThem(path), "heir");
      await setting.foreign().call("resign", "heir");
    },
    LIMIT_MS + 2 * SHORT_SESSION_MS,
  );
}

/** A lock is the same line, and tells who stands in it. */
async function standing(coordinator: Coordinator, path: string, count: number): Promise<void> {
  await until(`${count} stand`, async () => (await coordinator.lock(path).contenders()).length === count);
}

async function leaderOf(election: Election): Promise<string | undefined> {
  const leader = await election.leader();
  return leader && new TextDecoder().decode(leader.data);
}

function observe(election: Election): { readonly names: readonly (string | undefined)[]; stop(): void } {
  const names: (string | undefined)[] = [];
  const stopping = new AbortController();
  const run = async () => {
    for await (const leader of election.observe({ signal: stopping.signal })) {
      names.push(leader && new TextDecoder().decode(leader.data));
    }
  };
  void run();
  return { names, stop: () => stopping.abort() };
}
