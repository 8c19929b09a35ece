import assert from "node:assert/strict";
import { rejects } from "../expect.js";
import type { Define } from "../suite.js";
import { isBack, type Kept, type KeptEntry, shows, sorted, staysAway } from "./kept.js";
import { expireUnseen, loseSession, over, range, soonMs, steady, suspended } from "./support.js";

/** The clauses that hold of whatever is kept across sessions. */
export function keptCases(test: Define, kept: Kept): void {
  const { what, clauses } = kept;

  test(
    clauses.comesBack,
    `after a session loss each ${what} comes back by itself, with its latest data, once`,
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const view = await kept.view(observer.coordinator);
      const [one, two] = [
        await kept.enter(client.coordinator, "one", 1),
        await kept.enter(client.coordinator, "two", 9),
      ];
      await one.update(2);
      const found = async () => sorted(await kept.standing(observer.coordinator));
      for (const round of range(2)) {
        const before = one.sessionId;
        const session = await client.coordinator.session();
        await client.link.refuse();
        await over(kit, session);
        assert.deepEqual([one.sessionId, two.sessionId], [undefined, undefined]);
        await client.link.heal();
        await isBack(kit, one, before);
        await isBack(kit, two, before);
        const expected = `one:${round + 2} two:9`;
        assert.equal(await found(), expected);
        await kit.until("the view shows both", soonMs(kit), () => sorted(view.shown) === expected);
        const node = await observer.coordinator.get(kept.path("one"), { linearizable: true });
        assert.equal(node?.ephemeralOwner, one.sessionId);
        await one.update(round + 3);
      }
      // When the lost sessions have run out at the store too, they still stand.
      await kit.sleep(kit.target.sessionTimeoutMs + kit.target.expiryBoundMs);
      assert.equal(await found(), "one:4 two:9");
    },
  );

  test(
    clauses.comesBack,
    "an update while there is no contact, or no session, is what comes back",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const entry = await kept.enter(client.coordinator, "one", 1);
      await client.link.refuse();
      await suspended(kit, client.session);
      const updating = entry.update(2);
      await over(kit, client.session);
      await kit.within("the update", soonMs(kit), updating);
      await kit.within("an update without a session", soonMs(kit), entry.update(3));
      assert.equal(entry.sessionId, undefined);
      await client.link.heal();
      await isBack(kit, entry, client.session.id);
      assert.equal(await kept.standing(observer.coordinator), "one:3");
    },
  );

  test(
    clauses.comesBack,
    "an update during a short disconnection shows after it, in the same session",
    { needs: ["link"] },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const entry = await kept.enter(client.coordinator, "one", 1);
      await client.link.refuse();
      await suspended(kit, client.session);
      const updating = entry.update(2);
      await client.link.heal();
      await kit.within("the update", soonMs(kit), updating);
      assert.equal(await kept.standing(observer.coordinator), "one:2");
      assert.equal(entry.sessionId, client.session.id);
    },
  );

  test(
    clauses.comesBack,
    `expired behind its back, a ${what} comes back as soon as there is contact`,
    { needs: ["link", "expireSession"] },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const view = await kept.view(observer.coordinator);
      const entry = await kept.enter(client.coordinator, "one", 1);
      await shows(kit, view, "one:1");
      await expireUnseen(kit, client);
      await shows(kit, view, "");
      await client.link.heal();
      await kit.until(`the ${what} is back`, soonMs(kit) + client.session.timeoutMs, async () => {
        return (await kept.standing(observer.coordinator)) === "one:1";
      });
      await isBack(kit, entry, client.session.id);
      await shows(kit, view, "one:1");
    },
  );

  test(
    clauses.comesBack,
    `withdrawn while there is no contact, a ${what} never comes back`,
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      for (const when of ["suspended", "lost", "back at once"] as const) {
        const client = await kit.client(when === "back at once" ? steady(kit) : {});
        const entry = await kept.enter(client.coordinator, "one", 1);
        await client.link.refuse();
        await suspended(kit, client.session);
        if (when === "lost") await over(kit, client.session);
        const withdrawing = entry.withdraw();
        if (when === "suspended") await over(kit, client.session);
        await client.link.heal();
        await kit.within("the withdrawal", soonMs(kit), withdrawing);
        await kit.within("a session", soonMs(kit), client.coordinator.session());
        await staysAway(kit, kept, observer);
      }
    },
  );

  test(
    clauses.comesBack,
    `withdrawn around the loss of its session, at any moment, a ${what} never comes back`,
    { needs: ["link"], timeouts: 80 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      const clients = await Promise.all(range(8).map(() => kit.client()));
      await Promise.all(
        clients.map(async (client, index) => {
          const entry = await kept.enter(client.coordinator, `i${index}`, 1);
          await client.link.refuse();
          await over(kit, client.session);
          const again = client.coordinator.session();
          await client.link.heal();
          await again;
          // The next session has begun, and with it the return.
          for (const _ of range(index * 3)) await Promise.resolve();
          if (index % 2) await client.coordinator.get("/");
          await kit.within("the withdrawal", soonMs(kit), entry.withdraw());
        }),
      );
      await staysAway(kit, kept, observer);
    },
  );

  test(
    clauses.comesBack,
    "a lost reply, to entering, updating or withdrawing, leaves what was asked for last",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const standing = () => kept.standing(observer.coordinator);
      for (const round of range(4)) {
        await client.link.dropNextReply();
        const entering = kept.enter(client.coordinator, "one", round + 1);
        const entry = await kit.within("entering", soonMs(kit), entering);
        assert.equal(await standing(), `one:${round + 1}`);
        await client.link.dropNextReply();
        await kit.within("the update", soonMs(kit), entry.update(round + 100));
        assert.equal(await standing(), `one:${round + 100}`);
        await client.link.dropNextReply();
        await kit.within("the withdrawal", soonMs(kit), entry.withdraw());
        assert.equal(await standing(), "");
      }
      assert.equal(client.session.signal.aborted, false);
      await staysAway(kit, kept, observer);
    },
  );

  test(
    clauses.comesBack,
    `a ${what} that was given up is not made later`,
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      await client.link.refuse();
      await suspended(kit, client.session);
      const controller = new AbortController();
      const { signal } = controller;
      const both = Promise.all([
        rejects(kept.enter(client.coordinator, "one", 1, { signal }), "ABORTED"),
        rejects(kept.enter(client.coordinator, "two", 2, { timeoutMs: 10 }), "TIMEOUT"),
      ]);
      controller.abort();
      await kit.within("giving up", soonMs(kit), both);
      await client.link.heal();
      await kit.until("contact", soonMs(kit), () => client.session.state === "connected");
      await staysAway(kit, kept, observer);
    },
  );

  test(
    clauses.converges,
    `each ${what} that comes or goes around the faults of a view: it shows who is there`,
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [client, held] = [await kit.client(), await kit.client()];
      const views = await Promise.all([client, held].map(({ coordinator }) => kept.view(coordinator)));
      const { coordinator } = await kit.client(steady(kit));
      let entered: { readonly id: string; value: number; readonly entry: KeptEntry }[] = [];
      for (const round of range(3)) {
        const losing = loseSession(kit, client);
        await held.link.cut();
        for (const { entry } of entered.filter((_, index) => index % 2)) await entry.withdraw();
        entered = entered.filter((_, index) => index % 2 === 0);
        for (const one of entered) {
          one.value = 1_000 + round;
          await one.entry.update(one.value);
        }
        for (const n of range(6)) {
          const [id, value] = [`r${round}-${n}`, round + 1];
          entered.push({ id, value, entry: await kept.enter(coordinator, id, value) });
        }
        await losing;
      }
      const expected = kept.text(entered);
      assert.equal(await kept.standing(coordinator), expected);
      for (const view of views) await shows(kit, view, expected);
    },
  );

  test(
    clauses.starts,
    `a ${what} and a view start while the store is down, and work once it is up`,
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      const test = await kit.testClient();
      await test.link?.refuse();
      const coordinator = await kit.connect(test, { startDisconnected: true });
      let settled = 0;
      const count = <T>(value: T): T => {
        settled += 1;
        return value;
      };
      const entering = kept.enter(coordinator, "one", 1).then(count);
      const both = Promise.all([entering, kept.view(coordinator).then(count)]);
      const late = kept.enter(coordinator, "two", 2, { timeoutMs: kit.target.sessionTimeoutMs / 4 });
      await kit.within("a time limit without a store", soonMs(kit), rejects(late, "TIMEOUT"));
      await kit.sleep(kit.target.sessionTimeoutMs);
      assert.equal(settled, 0);
      await test.link?.heal();
      const [entry, view] = await kit.within("both", soonMs(kit), both);
      await shows(kit, view, "one:1");
      assert.equal(view.stale, false);
      assert.equal(await kept.standing(observer.coordinator), "one:1");
      assert.equal(entry.sessionId, (await coordinator.session()).id);
      const closing = [
        rejects(kept.enter(coordinator, "three", 3), "CLOSED"),
        rejects(view.waitFor(9), "CLOSED"),
      ];
      await test.link?.refuse();
      await kit.within("close", soonMs(kit), coordinator.close());
      await kit.within("both", soonMs(kit), Promise.all(closing));
    },
  );

  test(
    clauses.starts,
    "closing it while the store is down settles everything",
    { needs: ["link"] },
    async (kit) => {
      const test = await kit.testClient();
      await test.link?.refuse();
      const coordinator = await kit.connect(test, { startDisconnected: true });
      const both = [
        rejects(kept.enter(coordinator, "one", 1), "CLOSED"),
        rejects(kept.view(coordinator), "CLOSED"),
      ];
      await kit.within("close", soonMs(kit), coordinator.close());
      await kit.within("both", soonMs(kit), Promise.all(both));
    },
  );
}
