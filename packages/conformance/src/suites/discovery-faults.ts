import assert from "node:assert/strict";
import type { Registration } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { directory, entries, ports, shows, web } from "./discovery.js";
import { expireUnseen, loseSession, over, range, soonMs, steady, suspended } from "./support.js";

/** Waits until the entry stands in another session than `before`. */
async function standsAgain(kit: Kit, registration: Registration, before: string): Promise<void> {
  await kit.until("the entry stands in the next session", soonMs(kit), () => {
    const { sessionId } = registration;
    return sessionId !== undefined && sessionId !== before;
  });
}

/** Asserts that the service is empty once old sessions are over, and stays so. */
async function staysAway(kit: Kit, observer: KitClient): Promise<void> {
  await kit.until("the entry is gone", soonMs(kit), async () => (await entries(observer.coordinator)) === "");
  for (const _ of range(4)) {
    await kit.sleep(kit.target.sessionTimeoutMs / 2);
    assert.equal(await entries(observer.coordinator), "", "a withdrawn entry came back");
  }
}

export const discoveryFaults = suite("discovery across faults", (test) => {
  test(
    "DISC-2",
    "after a session loss the entry comes back by itself, with the latest payload, once",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const view = await observer.coordinator.discovery(directory).view("web");
      const registration = await client.coordinator.discovery(directory).register(web("one", 1));
      await registration.update({ port: 2 });
      for (const round of range(2)) {
        const before = registration.sessionId ?? "";
        await loseSession(kit, client);
        await standsAgain(kit, registration, before);
        await shows(kit, view, `one:${round + 2}`);
        assert.equal(await entries(observer.coordinator), `one:${round + 2}`);
        const node = await observer.coordinator.get(`${directory}/web/one`, { linearizable: true });
        assert.equal(node?.ephemeralOwner, registration.sessionId);
        await registration.update({ port: round + 3 });
      }
      // When the lost sessions have run out at the store too, it still stands.
      await kit.sleep(kit.target.sessionTimeoutMs + kit.target.expiryBoundMs);
      assert.equal(await entries(observer.coordinator), "one:4");
    },
  );

  test(
    "DISC-2",
    "an update while there is no contact, or no session, is what comes back",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const registration = await client.coordinator.discovery(directory).register(web("one", 1));
      await client.link.refuse();
      await suspended(kit, client.session);
      const updating = registration.update({ port: 2 });
      await over(kit, client.session);
      await kit.within("the update", soonMs(kit), updating);
      await kit.within("an update without a session", soonMs(kit), registration.update({ port: 3 }));
      assert.equal(registration.sessionId, undefined);
      await client.link.heal();
      await standsAgain(kit, registration, client.session.id);
      assert.equal(await entries(observer.coordinator), "one:3");
    },
  );

  test(
    "DISC-2",
    "an update during a short disconnection shows after it, in the same session",
    { needs: ["link"] },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const registration = await client.coordinator.discovery(directory).register(web("one", 1));
      await client.link.refuse();
      await suspended(kit, client.session);
      const updating = registration.update({ port: 2 });
      await client.link.heal();
      await kit.within("the update", soonMs(kit), updating);
      assert.equal(await entries(observer.coordinator), "one:2");
      assert.equal(registration.sessionId, client.session.id);
    },
  );

  test(
    "DISC-2",
    "expired behind its back, it comes back as soon as there is contact",
    { needs: ["link", "expireSession"] },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const view = await observer.coordinator.discovery(directory).view("web");
      const registration = await client.coordinator.discovery(directory).register(web("one", 1));
      await shows(kit, view, "one:1");
      await expireUnseen(kit, client);
      await shows(kit, view, "");
      await client.link.heal();
      await kit.until("the entry stands again", soonMs(kit) + client.session.timeoutMs, async () => {
        return (await entries(observer.coordinator)) === "one:1";
      });
      await standsAgain(kit, registration, client.session.id);
      await shows(kit, view, "one:1");
    },
  );

  test(
    "DISC-2",
    "withdrawn while there is no contact, it never comes back",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      for (const when of ["suspended", "lost", "back at once"] as const) {
        const client = await kit.client(when === "back at once" ? steady(kit) : {});
        const registration = await client.coordinator.discovery(directory).register(web("one", 1));
        await client.link.refuse();
        await suspended(kit, client.session);
        if (when === "lost") await over(kit, client.session);
        const withdrawing = registration.unregister();
        if (when === "suspended") await over(kit, client.session);
        await client.link.heal();
        await kit.within("the withdrawal", soonMs(kit), withdrawing);
        await kit.within("a session", soonMs(kit), client.coordinator.session());
        await staysAway(kit, observer);
      }
    },
  );

  test(
    "DISC-2",
    "withdrawn around the loss of its session, at any moment, it never comes back",
    { needs: ["link"], timeouts: 80 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      const clients = await Promise.all(range(8).map(() => kit.client()));
      await Promise.all(
        clients.map(async (client, index) => {
          const registration = await client.coordinator.discovery(directory).register(web(`i${index}`, 1));
          await client.link.refuse();
          await over(kit, client.session);
          const again = client.coordinator.session();
          await client.link.heal();
          await again;
          // The next session has begun, and with it the entry's return.
          for (const _ of range(index * 3)) await Promise.resolve();
          if (index % 2) await client.coordinator.get("/");
          await kit.within("the withdrawal", soonMs(kit), registration.unregister());
        }),
      );
      await staysAway(kit, observer);
    },
  );

  test(
    "DISC-2",
    "a lost reply, to registering, updating or withdrawing, leaves what was asked for last",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const services = client.coordinator.discovery(directory);
      for (const round of range(4)) {
        await client.link.dropNextReply();
        const registration = await kit.within(
          "register",
          soonMs(kit),
          services.register(web("one", round + 1)),
        );
        assert.equal(await entries(observer.coordinator), `one:${round + 1}`);
        await client.link.dropNextReply();
        await kit.within("update", soonMs(kit), registration.update({ port: round + 100 }));
        assert.equal(await entries(observer.coordinator), `one:${round + 100}`);
        await client.link.dropNextReply();
        await kit.within("unregister", soonMs(kit), registration.unregister());
        assert.equal(await entries(observer.coordinator), "");
      }
      assert.equal(client.session.signal.aborted, false);
      await staysAway(kit, observer);
    },
  );

  test(
    "DISC-2",
    "a registration that was given up is not made later",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, observer] = [await kit.client(steady(kit)), await kit.client()];
      const services = client.coordinator.discovery(directory);
      await client.link.refuse();
      await suspended(kit, client.session);
      const controller = new AbortController();
      const aborted = services.register(web("one", 1), { signal: controller.signal });
      const late = services.register(web("two", 2), { timeoutMs: 10 });
      const both = Promise.all([rejects(aborted, "ABORTED"), rejects(late, "TIMEOUT")]);
      controller.abort();
      await kit.within("giving up", soonMs(kit), both);
      await client.link.heal();
      await kit.until("contact", soonMs(kit), () => client.session.state === "connected");
      await staysAway(kit, observer);
    },
  );

  test(
    "DISC-3",
    "a view keeps the last known instances, marked stale, and converges after any fault",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [client, writer] = [await kit.client(), await kit.client(steady(kit))];
      const services = writer.coordinator.discovery(directory);
      const [stays, goes] = [
        await services.register(web("stays", 1)),
        await services.register(web("goes", 1)),
      ];
      const view = await client.coordinator.discovery(directory).view("web");
      assert.equal(view.stale, false);
      let known = "goes:1 stays:1";
      assert.equal(ports(view.instances), known);
      let port = 1;
      let leaving: Registration = goes;
      for (const fault of ["refuse", "blackHole"] as const) {
        const session = await client.coordinator.session();
        await client.link[fault]();
        await suspended(kit, session);
        assert.equal(view.stale, true, "stale while suspended");
        assert.equal(ports(view.instances), known);
        port += 1;
        await stays.update({ port });
        await leaving.unregister();
        leaving = await services.register(web(`new${port}`, port));
        await over(kit, session);
        assert.equal(view.stale, true, "stale without a session");
        assert.equal(ports(view.instances), known, "the last known instances are kept");
        assert.ok(view.pick());
        await client.link.heal();
        known = `new${port}:${port} stays:${port}`;
        await shows(kit, view, known);
        await kit.until("the view is up to date", soonMs(kit), () => !view.stale);
      }
      await client.link.cut();
      await leaving.unregister();
      await shows(kit, view, `stays:${port}`);
      await kit.until("the view is up to date", soonMs(kit), () => !view.stale);
    },
  );

  test(
    "DISC-3",
    "many come and go around the faults of a view: it shows who is there",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [client, held] = [await kit.client(), await kit.client()];
      const views = await Promise.all(
        [client, held].map(({ coordinator }) => coordinator.discovery(directory).view("web")),
      );
      const writer = await kit.client(steady(kit));
      const services = writer.coordinator.discovery(directory);
      let registered: Registration[] = [];
      for (const round of range(3)) {
        const losing = loseSession(kit, client);
        await held.link.cut();
        for (const registration of registered.filter((_, index) => index % 2))
          await registration.unregister();
        registered = registered.filter((_, index) => index % 2 === 0);
        for (const registration of registered) await registration.update({ port: 1_000 + round });
        for (const n of range(6)) registered.push(await services.register(web(`r${round}-${n}`, round + 1)));
        await losing;
      }
      const expected = ports(registered.map(({ instance }) => instance));
      assert.equal(await entries(writer.coordinator), expected);
      for (const view of views) await shows(kit, view, expected);
    },
  );

  test(
    "DISC-4",
    "registration and view start while the store is down, and work once it is up",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      const test = await kit.testClient();
      await test.link?.refuse();
      const coordinator = await kit.connect(test, { startDisconnected: true });
      const services = coordinator.discovery(directory);
      let settled = 0;
      const count = <T>(value: T): T => {
        settled += 1;
        return value;
      };
      const registering = services.register(web("one", 1)).then(count);
      const viewing = services.view("web").then(count);
      const withdrawn = services.register(web("two", 2), { timeoutMs: kit.target.sessionTimeoutMs / 4 });
      await kit.within("a time limit without a store", soonMs(kit), rejects(withdrawn, "TIMEOUT"));
      await kit.sleep(kit.target.sessionTimeoutMs);
      assert.equal(settled, 0);
      await test.link?.heal();
      const [registration, view] = await kit.within("both", soonMs(kit), Promise.all([registering, viewing]));
      await shows(kit, view, "one:1");
      assert.equal(view.stale, false);
      assert.equal(await entries(observer.coordinator), "one:1");
      assert.equal(registration.sessionId, (await coordinator.session()).id);
    },
  );

  test(
    "DISC-4",
    "closing it while the store is down settles everything",
    { needs: ["link"] },
    async (kit) => {
      const test = await kit.testClient();
      await test.link?.refuse();
      const coordinator = await kit.connect(test, { startDisconnected: true });
      const services = coordinator.discovery(directory);
      const both = [
        rejects(services.register(web("one", 1)), "CLOSED"),
        rejects(services.view("web"), "CLOSED"),
      ];
      await kit.within("close", soonMs(kit), coordinator.close());
      await kit.within("both", soonMs(kit), Promise.all(both));
    },
  );
});
