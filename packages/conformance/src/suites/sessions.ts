import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert";
import { ConclaveError, type ConnectOptions, connect } from "@conclave/api";
import { rejects, text } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { recordStates } from "../record.js";
import { suite } from "../suite.js";
import { allGone, sceneOf, standing } from "./holder.js";
import { steady } from "./support.js";

/** Sessions that are kept, and sessions that are closed. */
export const sessions = suite("sessions", (test) => {
  test(
    "SES-1",
    "the timeout that the store granted is reported, and is the one that it keeps",
    {
      needs: ["link"],
    },
    async (kit) => {
      const scene = await sceneOf(kit);
      const { timeoutMs } = scene.holder.session;
      ok(timeoutMs > 0 && Number.isFinite(timeoutMs), `a timeout of ${timeoutMs} ms`);
      const refusedAtMs = kit.clock.now();
      await scene.holder.link.refuse();
      await allGone(kit, scene);
      // A read may see it before a watch is told.
      const goneAtMs = await kit.until("the watches told it", timeoutMs, () => scene.goneAtMs());
      const keptMs = goneAtMs - refusedAtMs;
      // The last renewal came at most a third of the timeout before the fault.
      ok(keptMs >= timeoutMs * 0.6, `reported ${timeoutMs} ms, but the store kept it for ${keptMs} ms`);
    },
  );

  test("SES-1", "timeouts that no store grants are replaced by ones that it does", async (kit) => {
    const shortest = await kit.client({ sessionTimeoutMs: 1 });
    const longest = await kit.client({ sessionTimeoutMs: 2_000_000_000 });
    ok(shortest.session.timeoutMs >= 1, `a timeout of ${shortest.session.timeoutMs} ms`);
    ok(longest.session.timeoutMs >= shortest.session.timeoutMs, "the longest is shorter than the shortest");
    strictEqual(longest.session.signal.aborted, false);
    strictEqual(await longest.session.exists("/"), true);
  });

  test("SES-2", "an idle session does not expire", async (kit) => {
    const scene = await sceneOf(kit);
    await kit.sleep(3 * scene.holder.session.timeoutMs);
    ok(!scene.states.includes("lost"), `states: ${scene.states.join(", ")}`);
    deepStrictEqual(await standing(scene), scene.nodes);
    strictEqual(scene.goneAtMs(), undefined);
  });

  test("SES-2", "a busy session does not expire", async (kit) => {
    const scene = await sceneOf(kit);
    const { session } = scene.holder;
    const untilMs = kit.clock.now() + 2 * session.timeoutMs;
    await session.create("/busy");
    while (kit.clock.now() < untilMs) {
      await Promise.all(Array.from({ length: 20 }, () => session.set("/busy", "x".repeat(10_000))));
      await kit.sleep(1);
    }
    ok(!scene.states.includes("lost"), `states: ${scene.states.join(", ")}`);
    deepStrictEqual(await standing(scene), scene.nodes);
  });

  test("SES-6", "close takes all ephemeral nodes with it at once, before it resolves", async (kit) => {
    const scene = await sceneOf(kit);
    await scene.holder.session.close();
    deepStrictEqual(await standing(scene), []);
    await kit.until(
      "the watches told it",
      scene.observer.session.timeoutMs,
      () => scene.goneAtMs() !== undefined,
    );
    ok(await scene.observer.coordinator.exists("/deep/er"), "a persistent node went too");
  });

  test("SES-6", "closing one session leaves the nodes of another alone", async (kit) => {
    const scene = await sceneOf(kit);
    const other = await kit.client();
    await other.session.create("/other", "", { ephemeral: true });
    await other.coordinator.close();
    deepStrictEqual(await standing(scene), scene.nodes);
  });

  for (const fault of ["refuse", "blackHole"] as const) {
    test(
      "SES-7",
      `a short ${fault} keeps the session, its id, its ephemeral nodes and its watches`,
      {
        needs: ["link"],
      },
      async (kit) => {
        await survives(kit, async ({ link, session }) => {
          await link[fault]();
          await kit.sleep(session.timeoutMs / 5);
          await link.heal();
        });
      },
    );
  }

  test("SES-7", "cuts, one after another, keep the session", { needs: ["link"] }, async (kit) => {
    await survives(kit, async ({ link, session }) => {
      for (let cut = 0; cut < 3; cut += 1) {
        await link.cut();
        await kit.until("connected again", session.timeoutMs, () => session.state === "connected");
      }
    });
  });

  test(
    "SES-7",
    "a half-open connection is found out and replaced in time",
    {
      needs: ["link", "halfOpen"],
    },
    async (kit) => {
      await survives(kit, async ({ link, session }) => {
        await link.halfOpen?.();
        await kit.until("suspended", session.timeoutMs, () => session.state === "suspended");
      });
    },
  );

  test(
    "SES-8",
    "a restart of the server that is shorter than the timeout keeps the session",
    {
      needs: ["restartServer"],
      when: ({ durable }) => durable,
      timeouts: 60,
    },
    async (kit) => {
      const options = { sessionTimeoutMs: 20 * kit.target.sessionTimeoutMs };
      await survives(kit, async () => await kit.target.restartServer?.(), options);
    },
  );

  test(
    "SES-8",
    "where the store is not durable, a restart of the server ends the session visibly",
    {
      needs: ["restartServer"],
      when: ({ durable }) => !durable,
      weaker: true,
      timeouts: 60,
    },
    async (kit) => {
      const { coordinator, session } = await kit.client({
        sessionTimeoutMs: 20 * kit.target.sessionTimeoutMs,
      });
      const states = recordStates(session);
      await kit.target.restartServer?.();
      await kit.until("the session lost", 2 * session.timeoutMs, () => states.at(-1) === "lost");
      notStrictEqual((await coordinator.session()).id, session.id);
    },
  );

  test("SES-9", "a session that is closed goes from connected to closed, with its signal", async (kit) => {
    const { session } = await kit.client();
    const states = recordStates(session);
    await kit.until("connected", session.timeoutMs, () => states.length === 1);
    let aborts = 0;
    session.signal.addEventListener("abort", () => {
      aborts += 1;
    });
    strictEqual(session.signal.aborted, false);
    await Promise.all([session.close(), session.close()]);
    await kit.until("closed", session.timeoutMs, () => states.at(-1) === "closed");
    deepStrictEqual(states, ["connected", "closed"]);
    deepStrictEqual([aborts, session.state], [1, "closed"]);
    ok(ConclaveError.is(session.signal.reason, "CLOSED"), String(session.signal.reason));
    // A reader that comes late learns the end, and no more.
    const late = recordStates(session);
    await kit.until("the end", session.timeoutMs, () => late.length > 0);
    deepStrictEqual(late, ["closed"]);
  });

  test(
    "SES-9",
    "an interruption is seen as suspended and then connected",
    { needs: ["link"] },
    async (kit) => {
      const { session, link } = await kit.client(steady(kit));
      const states = recordStates(session);
      await kit.until("connected", session.timeoutMs, () => states.length === 1);
      await link.refuse();
      await kit.until("suspended", session.timeoutMs, () => states.at(-1) === "suspended");
      strictEqual(session.signal.aborted, false);
      await link.heal();
      await kit.until("connected again", session.timeoutMs, () => states.at(-1) === "connected");
      deepStrictEqual(states, ["connected", "suspended", "connected"]);
    },
  );

  test("SES-10", "close is idempotent and settles everything that is pending", async (kit) => {
    const { coordinator, session } = await kit.client();
    const watched = session.watch("/")[Symbol.asyncIterator]();
    await watched.next();
    const pending = [watched.next(), coordinator.election("/e").observe()[Symbol.asyncIterator]().next()];
    const settled = Promise.allSettled(pending);
    await Promise.all([coordinator.close(), coordinator.close()]);
    await coordinator.close();
    await kit.within("everything pending settled", session.timeoutMs, settled);
    strictEqual(session.state, "closed");
    await rejects(coordinator.session(), "CLOSED");
    await rejects(session.get("/"), "CLOSED");
  });

  test("SES-10", "a session that is closed makes room for the next one of its coordinator", async (kit) => {
    const { coordinator, session } = await kit.client();
    await session.close();
    const next = await kit.within("the next session", session.timeoutMs, coordinator.session());
    notStrictEqual(next.id, session.id);
    strictEqual(next.signal.aborted, false);
    await rejects(session.create("/late", ""), "CLOSED");
    strictEqual(await next.exists("/late"), false);
  });

  test("SES-10", "close works while connecting", { needs: ["link"] }, async (kit) => {
    for (const fault of ["refuse", "blackHole"] as const) {
      const client = await kit.testClient();
      await client.link?.[fault]();
      const { namespace } = kit;
      const { sessionTimeoutMs } = kit.target;
      const options = { namespace, sessionTimeoutMs, startDisconnected: true };
      const coordinator = await connect(client.backend, options);
      const waiting = rejects(coordinator.session(), "CLOSED");
      await kit.sleep(sessionTimeoutMs / 20);
      await kit.within(`close, ${fault}`, sessionTimeoutMs, coordinator.close());
      await kit.within("the wait for a session", sessionTimeoutMs, waiting);
    }
  });

  test(
    "SES-10",
    "connecting is given up by a signal and by its time limit",
    { needs: ["link"] },
    async (kit) => {
      const { namespace } = kit;
      const { sessionTimeoutMs } = kit.target;
      for (const fault of ["refuse", "blackHole"] as const) {
        const client = await kit.testClient();
        await client.link?.[fault]();
        const base = { namespace, sessionTimeoutMs };
        const failed = rejects(
          connect(client.backend, { ...base, connectTimeoutMs: sessionTimeoutMs / 4 }),
          "CONNECT_FAILED",
        );
        await kit.within(`the time limit, ${fault}`, sessionTimeoutMs, failed);
        const giveUp = new AbortController();
        const aborted = rejects(connect(client.backend, { ...base, signal: giveUp.signal }), "ABORTED");
        await kit.sleep(sessionTimeoutMs / 20);
        giveUp.abort();
        await kit.within("the signal", sessionTimeoutMs, aborted);
      }
    },
  );

  for (const fault of ["refuse", "blackHole"] as const) {
    test(
      "SES-10",
      `close works while partitioned (${fault}), and settles what waits`,
      {
        needs: ["link"],
      },
      async (kit) => {
        const scene = await sceneOf(kit);
        const { coordinator, session, link } = scene.holder;
        await link[fault]();
        const waiting = [
          rejects(session.get("/"), "CLOSED"),
          // One that was sent before the break was noticed may have arrived.
          rejects(session.set("/held", "late"), ["CLOSED", "CONNECTION_LOST"]),
          rejects(coordinator.election("/e").campaign(), ["CLOSED", "CONNECTION_LOST"]),
        ];
        for (const wait of waiting) wait.catch(() => {});
        await kit.sleep(session.timeoutMs / 20);
        await kit.within("close", session.timeoutMs, Promise.all([coordinator.close(), coordinator.close()]));
        await kit.within("what waited", session.timeoutMs, Promise.all(waiting));
        await allGone(kit, scene);
      },
    );
  }

  test(
    "SES-10",
    "nothing of a closed coordinator keeps its process alive",
    {
      needs: ["process", "exit"],
    },
    async (kit) => {
      const process = await kit.process();
      await process.run({ type: "create", path: "/held", data: "", ephemeral: true });
      await process.run({ type: "hold", kind: "election", path: "/e" });
      await process.run({ type: "close" });
      await kit.within("the end of the process", 10_000, process.exit?.() ?? Promise.resolve());
    },
  );
});

/** The holder's session outlasts `fault`, with all that belongs to it. */
async function survives(
  kit: Kit,
  fault: (holder: KitClient) => Promise<void>,
  options: ConnectOptions = steady(kit),
): Promise<void> {
  const [holder, writer] = [await kit.client(options), await kit.client(options)];
  const { session } = holder;
  await session.create("/held", "", { ephemeral: true });
  const before = await writer.coordinator.get("/held", { linearizable: true });
  await writer.coordinator.create("/watched", "before");
  const watched: (string | undefined)[] = [];
  const watch = async () => {
    for await (const node of session.watch("/watched")) watched.push(text(node?.data));
  };
  const watching = watch();
  watching.catch(() => {});
  const states = recordStates(session);
  await kit.until("the watch", session.timeoutMs, () => watched.length === 1);

  await fault(holder);

  await kit.until("connected", session.timeoutMs, () => session.state === "connected");
  // A late end would come within the timeout.
  await kit.sleep(Math.min(session.timeoutMs, 2 * kit.target.sessionTimeoutMs));
  ok(!states.includes("lost"), `states: ${states.join(", ")}`);
  strictEqual(session.signal.aborted, false);
  strictEqual((await holder.coordinator.session()).id, session.id);
  const after = await writer.coordinator.get("/held", { linearizable: true });
  deepStrictEqual([after?.createRevision, after?.ephemeralOwner], [before?.createRevision, session.id]);
  await writer.coordinator.set("/watched", "after");
  await kit.until("the watch goes on", session.timeoutMs, () => watched.at(-1) === "after");
  await session.set("/held", "still mine");
}
