import assert from "node:assert/strict";
import type { Registration } from "@conclave/api";
import { suite } from "../suite.js";
import { directory, entries, ports, shows, web } from "./discovery.js";
import { replayed } from "./discovery-views.js";
import { follow, loseSession, over, range, soonMs, steady, suspended } from "./support.js";

export const discoveryViewsFaults = suite("discovery: views across faults", (test) => {
  test(
    "DISC-2",
    "several instances of one process, also of one service, all come back once, each with its latest payload",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, observer] = [await kit.client(), await kit.client(steady(kit))];
      const services = client.coordinator.discovery(directory);
      const registrations: Registration[] = [];
      for (const n of range(4)) registrations.push(await services.register(web(`i${n}`, n + 1)));
      const other = await services.register({ ...web("i0", 50), name: "db" });
      await registrations[1]?.update({ port: 20 });
      await registrations[3]?.unregister();
      await loseSession(kit, client);
      const view = await observer.coordinator.discovery(directory).view("web");
      await kit.until("all are back", soonMs(kit), () => {
        const again = [...registrations.slice(0, 3), other];
        return again.every(({ sessionId }) => sessionId !== undefined && sessionId !== client.session.id);
      });
      await shows(kit, view, "i0:1 i1:20 i2:3");
      assert.equal(await entries(observer.coordinator), "i0:1 i1:20 i2:3");
      await kit.sleep(kit.target.sessionTimeoutMs + kit.target.expiryBoundMs);
      assert.equal(await entries(observer.coordinator), "i0:1 i1:20 i2:3");
    },
  );

  test(
    "DISC-3",
    "back in contact, a view is stale until it shows what happened meanwhile, in the same session",
    { needs: ["link"], timeouts: 40 },
    async (kit) => {
      const [client, writer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      const services = writer.coordinator.discovery(directory);
      const view = await client.coordinator.discovery(directory).view("web");
      let leaving: Registration = await services.register(web("leaving", 1));
      await shows(kit, view, "leaving:1");
      for (const round of range(3)) {
        await client.link.refuse();
        await suspended(kit, client.session);
        assert.equal(view.stale, true);
        await leaving.unregister();
        leaving = await services.register(web(`new${round}`, round + 1));
        const upToDate = view.waitFor(1);
        await client.link.heal();
        const instances = await kit.within("an up-to-date view", soonMs(kit), upToDate);
        assert.equal(ports(instances), `new${round}:${round + 1}`, "not stale, and yet out of date");
        assert.equal(view.stale, false);
      }
      assert.equal(client.session.signal.aborted, false, "the session was to last");
    },
  );

  test(
    "DISC-3",
    "after a disconnection in which nothing changed a view is up to date again, too",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const [client, writer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await writer.coordinator.discovery(directory).register(web("one", 1));
      const [view, none] = [
        await client.coordinator.discovery(directory).view("web"),
        await client.coordinator.discovery(directory).view("nobody"),
      ];
      await shows(kit, view, "one:1");
      await client.link.refuse();
      await suspended(kit, client.session);
      assert.deepEqual([view.stale, none.stale], [true, true]);
      await client.link.heal();
      // Sooner than the session timeout, after which it would set its watches anew by itself.
      const soon = 0.9 * client.session.timeoutMs;
      await kit.until("both are up to date", soon, () => !view.stale && !none.stale);
      assert.equal(ports(view.instances), "one:1");
    },
  );

  test(
    "DISC-5",
    "events lead to what the view shows across gaps and sessions, and say nothing of what stayed",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [client, writer] = [await kit.client(), await kit.client(steady(kit))];
      const services = writer.coordinator.discovery(directory);
      await services.register(web("stays", 1));
      const changing = await services.register(web("changes", 1));
      const view = await client.coordinator.discovery(directory).view("web");
      const events = follow(kit, view.changes());
      let leaving = await services.register(web("goes", 1));
      for (const round of range(3)) {
        const session = await client.coordinator.session();
        await client.link.refuse();
        if (round === 1) await over(kit, session);
        else await suspended(kit, session);
        await changing.update({ port: round + 2 });
        await leaving.unregister();
        leaving = await services.register(web(`new${round}`, 1));
        await client.link.heal();
        const expected = ports([{ id: "stays", port: 1 }, changing.instance, leaving.instance]);
        await shows(kit, view, expected);
        await kit.until("the events lead there", soonMs(kit), () => {
          return ports([...replayed(events.values).values()]) === expected;
        });
      }
      const ofStays = events.values.filter(({ id }) => id === "stays");
      assert.deepEqual(
        ofStays.map(({ type }) => type),
        ["added"],
      );
    },
  );

  test(
    "DISC-6",
    "waitFor takes nothing on trust while there is no contact, and goes on in the next session",
    { needs: ["link"], timeouts: 30 },
    async (kit) => {
      const [client, writer] = [await kit.client(), await kit.client(steady(kit))];
      const services = writer.coordinator.discovery(directory);
      const registration = await services.register(web("one", 1));
      const view = await client.coordinator.discovery(directory).view("web");
      await shows(kit, view, "one:1");
      await client.link.refuse();
      await suspended(kit, client.session);
      let isReady = false;
      const ready = view.waitFor(1).then((instances) => {
        isReady = true;
        return instances;
      });
      await over(kit, client.session);
      assert.equal(isReady, false, "a stale view is not ready");
      await registration.unregister();
      await services.register(web("two", 2));
      await client.link.heal();
      assert.equal(ports(await kit.within("readiness", soonMs(kit), ready)), "two:2");
    },
  );
});
