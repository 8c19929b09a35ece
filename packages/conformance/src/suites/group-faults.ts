import assert from "node:assert/strict";
import { suite } from "../suite.js";
import { replayed } from "./discovery-views.js";
import { groupPath, listed, members, showsMembers } from "./group.js";
import type { Kept } from "./kept.js";
import { keptCases } from "./kept-cases.js";
import { follow, loseSession, over, soonMs, steady, suspended } from "./support.js";

const memberships: Kept = {
  what: "member",
  clauses: { comesBack: "GRP-2", converges: "GRP-3", starts: "GRP-5" },
  async enter(coordinator, id, value, options = {}) {
    const membership = await coordinator.group(groupPath).join({ id, data: `${value}`, ...options });
    return {
      get sessionId() {
        const { isPresent, sessionId } = membership;
        assert.equal(isPresent, sessionId !== undefined);
        return sessionId;
      },
      update: (data) => membership.update(`${data}`),
      withdraw: () => membership.leave(),
    };
  },
  async view(coordinator) {
    const view = await coordinator.group(groupPath).view();
    return {
      get stale() {
        return view.stale;
      },
      get shown() {
        return listed(view.members);
      },
      waitFor: (count) => view.waitFor(count),
    };
  },
  standing: (coordinator) => members({ coordinator }),
  text: (all) => all.map(({ id, value }) => `${id}:${value}`).join(" "),
  path: (id) => `${groupPath}/${id}`,
};

export const groupFaults = suite("group across faults", (test) => {
  keptCases(test, memberships);

  test(
    "GRP-3",
    "a member that came back in the next session is shown as what stands there now",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const view = await observer.coordinator.group(groupPath).view();
      const membership = await client.coordinator.group(groupPath).join({ id: "one", data: "1" });
      await showsMembers(kit, view, "one:1");
      const before = view.members[0]?.createRevision;
      await loseSession(kit, client);
      await kit.until("the view shows its new node", soonMs(kit), () => {
        const [member] = view.members;
        return member !== undefined && member.createRevision !== before;
      });
      await kit.until("the member stands", soonMs(kit), () => membership.isPresent);
      assert.equal(view.members[0]?.sessionId, membership.sessionId);
      assert.equal(listed(view.members), "one:1");
    },
  );

  test(
    "GRP-3",
    "a view keeps the last known members, marked stale, and converges after any fault",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [client, writer] = [await kit.client(), await kit.client(steady(kit))];
      const here = writer.coordinator.group(groupPath);
      const stays = await here.join({ id: "stays", data: "0" });
      let leaving = await here.join({ id: "goes" });
      const view = await client.coordinator.group(groupPath).view();
      const events = follow(kit, view.changes());
      let known = "stays:0 goes:";
      await showsMembers(kit, view, known);
      for (const [round, fault] of (["refuse", "blackHole", "refuse"] as const).entries()) {
        const session = await client.coordinator.session();
        await client.link[fault]();
        await suspended(kit, session);
        assert.equal(view.stale, true, "stale while suspended");
        await stays.update(`${round + 1}`);
        await leaving.leave();
        leaving = await here.join({ id: `new${round}` });
        if (round < 2) await over(kit, session);
        assert.equal(listed(view.members), known, "the last known members are kept");
        const upToDate = view.waitFor(1);
        await client.link.heal();
        known = `stays:${round + 1} new${round}:`;
        const shown = listed(await kit.within("an up-to-date view", soonMs(kit), upToDate));
        assert.equal(shown, known, "not stale, and yet out of date");
        await kit.until("the events lead there", soonMs(kit), () => {
          return listed([...replayed(events.values).values()]) === known;
        });
      }
    },
  );
});
