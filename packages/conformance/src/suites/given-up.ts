import { deepStrictEqual, strictEqual } from "node:assert";
import { getEventListeners } from "node:events";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { steady, suspend } from "./support.js";

export const givenUp = suite("waits that are given up", (test) => {
  test(
    "OUT-4",
    "a wait that is given up rejects promptly and leaves nothing behind",
    {
      needs: ["link"],
    },
    async (kit) => {
      const { session, link, coordinator } = await kit.client(steady(kit));
      await coordinator.create("/set");
      await suspend(kit, { session, link });
      const giveUp = new AbortController();
      const { signal } = giveUp;
      const waits = [
        session.get("/", { signal }),
        session.children("/", { signal }),
        session.set("/set", "late", { signal }),
        session.create("/late", "", { ephemeral: true, signal }),
        coordinator.election("/e").campaign({ signal }),
        coordinator.discovery("/d").register({ name: "s", address: "a", port: 1 }, { signal }),
        coordinator.discovery("/d").view("s", { signal }),
      ];
      const rejections = waits.map((wait) => rejects(wait, "ABORTED"));
      await kit.sleep(session.timeoutMs / 20);
      giveUp.abort();
      await kit.within("the rejections", session.timeoutMs / 4, Promise.all(rejections));
      deepStrictEqual(getEventListeners(signal, "abort"), []);
      await link.heal();
      await kit.until("connected", session.timeoutMs, () => session.state === "connected");
      await nothingCameOfIt(kit, { coordinator, session });
    },
  );

  test(
    "OUT-4",
    "a wait that takes too long rejects with TIMEOUT and leaves nothing behind",
    {
      needs: ["link"],
    },
    async (kit) => {
      const { session, link, coordinator } = await kit.client(steady(kit));
      await coordinator.create("/set");
      await suspend(kit, { session, link });
      const limit = { timeoutMs: session.timeoutMs / 10 };
      const waits = [
        coordinator.election("/e").campaign(limit),
        coordinator.discovery("/d").register({ name: "s", address: "a", port: 1 }, limit),
        coordinator.discovery("/d").view("s", limit),
      ];
      const rejections = Promise.all(waits.map((wait) => rejects(wait, "TIMEOUT")));
      await kit.within("the rejections", session.timeoutMs / 3, rejections);
      await link.heal();
      await kit.until("connected", session.timeoutMs, () => session.state === "connected");
      await nothingCameOfIt(kit, { coordinator, session });
    },
  );

  test(
    "OUT-4",
    "waits for a session are given up by signal and by time limit",
    { needs: ["link"] },
    async (kit) => {
      const { session, link, coordinator } = await kit.client();
      await link.refuse();
      await kit.until("lost", 2 * session.timeoutMs, () => session.state === "lost");
      await rejects(coordinator.session({ timeoutMs: session.timeoutMs / 20 }), "TIMEOUT");
      const giveUp = new AbortController();
      const { signal } = giveUp;
      const waits = [
        coordinator.session({ signal }),
        coordinator.get("/", { signal }),
        coordinator.set("/set", "late", { signal }),
        coordinator.election("/e").campaign({ signal }),
        coordinator.election("/e").leader({ signal }),
        coordinator.election("/e").lead(() => {}, { signal }),
      ];
      const rejections = Promise.all(waits.map((wait) => rejects(wait, "ABORTED")));
      await kit.sleep(session.timeoutMs / 20);
      giveUp.abort();
      await kit.within("the rejections", session.timeoutMs / 4, rejections);
      deepStrictEqual(getEventListeners(signal, "abort"), []);
    },
  );

  test("OUT-4", "calls that went well leave no listener on their signal", async (kit) => {
    const { session, coordinator } = await kit.client(steady(kit));
    const { signal } = new AbortController();
    await coordinator.session({ signal });
    await session.create("/set", "", { signal });
    await session.set("/set", "", { signal });
    await session.get("/set", { signal });
    await session.delete("/set", { signal });
    for await (const _ of session.watch("/", { signal })) break;
    for await (const _ of session.states({ signal })) break;
    for await (const _ of coordinator.sessions({ signal })) break;
    for await (const _ of coordinator.election("/e").observe({ signal })) break;
    const leadership = await coordinator.election("/e").campaign({ signal, timeoutMs: 60_000 });
    await leadership.resign();
    await coordinator.election("/e").lead(() => {}, { signal });
    const discovery = coordinator.discovery("/d");
    const registration = await discovery.register({ name: "s", address: "a", port: 1 }, { signal });
    await registration.unregister();
    (await discovery.view("s", { signal })).close();
    deepStrictEqual(getEventListeners(signal, "abort"), []);
  });
});

/** After waits for the session of /set were given up: nothing they asked for is there, then or later. */
async function nothingCameOfIt(
  kit: Kit,
  { coordinator, session }: Pick<KitClient, "coordinator" | "session">,
): Promise<void> {
  await kit.sleep(session.timeoutMs / 4);
  const linearizable = true;
  strictEqual((await coordinator.get("/set", { linearizable }))?.version, 0);
  strictEqual(await coordinator.exists("/late", { linearizable }), false);
  strictEqual(await coordinator.election("/e").leader(), undefined);
  if (await coordinator.exists("/e")) deepStrictEqual(await coordinator.children("/e", { linearizable }), []);
  strictEqual((await coordinator.discovery("/d").view("s")).instances.length, 0);
}
