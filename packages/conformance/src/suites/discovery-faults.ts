import assert from "node:assert/strict";
import type { Registration } from "@conclave/api";
import { suite } from "../suite.js";
import { directory, entries, ports, shows, web } from "./discovery.js";
import type { Kept } from "./kept.js";
import { keptCases } from "./kept-cases.js";
import { over, soonMs, steady, suspended } from "./support.js";

const registrations: Kept = {
  what: "registration",
  clauses: { comesBack: "DISC-2", converges: "DISC-3", starts: "DISC-4" },
  async enter(coordinator, id, value, options = {}) {
    const registration = await coordinator.discovery(directory).register(web(id, value), options);
    return {
      get sessionId() {
        return registration.sessionId;
      },
      update: (port) => registration.update({ port }),
      withdraw: () => registration.unregister(),
    };
  },
  async view(coordinator) {
    const view = await coordinator.discovery(directory).view("web");
    return {
      get stale() {
        return view.stale;
      },
      get shown() {
        return ports(view.instances);
      },
      waitFor: (count) => view.waitFor(count),
    };
  },
  standing: entries,
  text: (all) => ports(all.map(({ id, value }) => web(id, value))),
  path: (id) => `${directory}/web/${id}`,
};

export const discoveryFaults = suite("discovery across faults", (test) => {
  keptCases(test, registrations);

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
});
