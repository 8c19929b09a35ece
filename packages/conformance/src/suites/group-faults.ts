import assert from "node:assert/strict";
import type { Membership } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { replayed } from "./discovery-views.js";
import { groupPath, listed, members, showsMembers } from "./group.js";
import { expireUnseen, follow, loseSession, over, range, soonMs, steady, suspended } from "./support.js";

/** Waits until the member stands in another session than `before`. */
async function isBack(kit: Kit, membership: Membership, before: string): Promise<void> {
  await kit.until("the member stands in the next session", soonMs(kit), () => {
    return membership.isPresent && membership.sessionId !== before;
  });
}

/** Asserts that the group is empty once old sessions are over, and stays so. */
async function staysEmpty(kit: Kit, observer: KitClient): Promise<void> {
  await kit.until("the group is empty", soonMs(kit), async () => (await members(observer)) === "");
  for (const _ of range(4)) {
    await kit.sleep(kit.target.sessionTimeoutMs / 2);
    assert.equal(await members(observer), "", "a member that had left came back");
  }
}

export const groupFaults = suite("group across faults", (test) => {
  test(
    "GRP-2",
    "after a session loss members come back by themselves, with their latest data, once",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const here = client.coordinator.group(groupPath);
      const [one, two] = [await here.join({ id: "one", data: "1" }), await here.join({ id: "two" })];
      await one.update("2");
      const view = await observer.coordinator.group(groupPath).view();
      for (const round of range(2)) {
        const before = one.sessionId ?? "";
        const revisions = view.members.map(({ createRevision }) => createRevision);
        const session = await client.coordinator.session();
        await client.link.refuse();
        await over(kit, session);
        assert.deepEqual([one.isPresent, two.isPresent], [false, false]);
        await client.link.heal();
        await isBack(kit, one, before);
        await isBack(kit, two, before);
        const sorted = () => [...view.members].sort((a, b) => (a.id < b.id ? -1 : 1));
        await kit.until("both are back", soonMs(kit), () => {
          const isAnew = view.members.every(({ createRevision }) => !revisions.includes(createRevision));
          return isAnew && listed(sorted()) === `one:${round + 2} two:`;
        });
        await one.update(String(round + 3));
      }
      // When the lost sessions have run out at the store too, they still stand.
      await kit.sleep(kit.target.sessionTimeoutMs + kit.target.expiryBoundMs);
      assert.equal((await members(observer)).split(" ").sort().join(" "), "one:4 two:");
    },
  );

  test(
    "GRP-2",
    "an update while there is no contact, or no session, is what comes back",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const membership = await client.coordinator.group(groupPath).join({ id: "one", data: "1" });
      await client.link.refuse();
      await suspended(kit, client.session);
      const updating = membership.update("2");
      await over(kit, client.session);
      await kit.within("the update", soonMs(kit), updating);
      await kit.within("an update without a session", soonMs(kit), membership.update("3"));
      await client.link.heal();
      await isBack(kit, membership, client.session.id);
      assert.equal(await members(observer), "one:3");
    },
  );

  test(
    "GRP-2",
    "expired behind its back, a member comes back as soon as there is contact",
    { needs: ["link", "expireSession"] },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const view = await observer.coordinator.group(groupPath).view();
      const membership = await client.coordinator.group(groupPath).join({ id: "one" });
      await showsMembers(kit, view, "one:");
      await expireUnseen(kit, client);
      await showsMembers(kit, view, "");
      await client.link.heal();
      await kit.until("the member is back", soonMs(kit) + client.session.timeoutMs, async () => {
        return (await members(observer)) === "one:";
      });
      await isBack(kit, membership, client.session.id);
    },
  );

  test(
    "GRP-2",
    "having left around the loss of its session, at any moment, a member never comes back",
    { needs: ["link"], timeouts: 80 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      const clients = await Promise.all(range(8).map(() => kit.client()));
      await Promise.all(
        clients.map(async (client, index) => {
          const membership = await client.coordinator.group(groupPath).join({ id: `m${index}` });
          await client.link.refuse();
          if (index === 0) await suspended(kit, client.session);
          else await over(kit, client.session);
          const early = index < 2 ? membership.leave() : undefined;
          const again = index === 0 ? undefined : client.coordinator.session();
          await client.link.heal();
          await again;
          // The next session has begun, and with it the member's return.
          for (const _ of range(index * 3)) await Promise.resolve();
          if (index % 2) await client.coordinator.get("/");
          await kit.within("leaving", soonMs(kit), early ?? membership.leave());
        }),
      );
      await staysEmpty(kit, observer);
    },
  );

  test(
    "GRP-2",
    "a lost reply, to joining, updating or leaving, leaves what was asked for last",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const here = client.coordinator.group(groupPath);
      for (const round of range(3)) {
        await client.link.dropNextReply();
        const membership = await kit.within("join", soonMs(kit), here.join({ id: "one", data: `${round}` }));
        assert.equal(await members(observer), `one:${round}`);
        await client.link.dropNextReply();
        await kit.within("update", soonMs(kit), membership.update(`${round} again`));
        assert.equal(await members(observer), `one:${round} again`);
        await client.link.dropNextReply();
        await kit.within("leave", soonMs(kit), membership.leave());
        assert.equal(await members(observer), "");
      }
      assert.equal(client.session.signal.aborted, false);
      await staysEmpty(kit, observer);
    },
  );

  test(
    "GRP-2",
    "a join that was given up is not made later",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const here = client.coordinator.group(groupPath);
      await client.link.refuse();
      await suspended(kit, client.session);
      const controller = new AbortController();
      const both = Promise.all([
        rejects(here.join({ id: "one", signal: controller.signal }), "ABORTED"),
        rejects(here.join({ id: "two", timeoutMs: 10 }), "TIMEOUT"),
      ]);
      controller.abort();
      await kit.within("giving up", soonMs(kit), both);
      await client.link.heal();
      await kit.until("contact", soonMs(kit), () => client.session.state === "connected");
      await staysEmpty(kit, observer);
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

  test(
    "GRP-5",
    "joining and viewing start while the store is down, and work once it is up",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      const test = await kit.testClient();
      await test.link?.refuse();
      const coordinator = await kit.connect(test, { startDisconnected: true });
      const here = coordinator.group(groupPath);
      let settled = 0;
      const count = <T>(value: T): T => {
        settled += 1;
        return value;
      };
      const both = Promise.all([here.join({ id: "one" }).then(count), here.view().then(count)]);
      const late = here.join({ id: "two", timeoutMs: kit.target.sessionTimeoutMs / 4 });
      await kit.within("a time limit without a store", soonMs(kit), rejects(late, "TIMEOUT"));
      await kit.sleep(kit.target.sessionTimeoutMs);
      assert.equal(settled, 0);
      await test.link?.heal();
      const [membership, view] = await kit.within("both", soonMs(kit), both);
      await showsMembers(kit, view, "one:");
      assert.equal(await members(observer), "one:");
      assert.equal(membership.isPresent, true);
      const closing = [rejects(here.join({ id: "three" }), "CLOSED"), rejects(view.waitFor(9), "CLOSED")];
      await test.link?.refuse();
      await kit.within("close", soonMs(kit), coordinator.close());
      await kit.within("both", soonMs(kit), Promise.all(closing));
    },
  );

  test(
    "GRP-3",
    "members that come and go around the faults of a view: it shows who is there",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [client, held] = [await kit.client(), await kit.client()];
      const views = await Promise.all(
        [client, held].map(({ coordinator }) => coordinator.group(groupPath).view()),
      );
      const writer = await kit.client(steady(kit));
      const here = writer.coordinator.group(groupPath);
      let joined: Membership[] = [];
      for (const round of range(3)) {
        const losing = loseSession(kit, client);
        await held.link.cut();
        for (const membership of joined.filter((_, index) => index % 2)) await membership.leave();
        joined = joined.filter((_, index) => index % 2 === 0);
        for (const membership of joined) await membership.update(`u${round}`);
        for (const n of range(6)) joined.push(await here.join({ id: `r${round}-${n}`, data: `${n}` }));
        await losing;
      }
      const expected = joined.map(({ id, data }) => `${id}:${new TextDecoder().decode(data)}`).join(" ");
      assert.equal(await members(writer), expected);
      for (const view of views) await showsMembers(kit, view, expected);
    },
  );
});
