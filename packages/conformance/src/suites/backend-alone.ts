import { deepStrictEqual, ok } from "node:assert";
import { ConclaveError } from "@conclave/api";
import type { BackendSession, StopWatch } from "@conclave/api/backend";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { creation, openBare } from "./bare-session.js";
import { soonMs } from "./support.js";

const linearizable = { linearizable: true } as const;
const data = new Uint8Array([1]);

type Report = (what: string) => void;

/** The three kinds of watch of a backend, on the node "/w". */
const watchKinds: Readonly<Record<string, (session: BackendSession, report: Report) => StopWatch>> = {
  watchNode: (session, report) =>
    session.watchNode("/w", { state: () => report("state"), failed: () => report("failed") }),
  watchChildren: (session, report) => session.watchChildren("/w", children(report)),
  watchChildNodes: (session, report) => session.watchChildNodes("/w", children(report)),
};

function children(report: Report) {
  return {
    snapshot: () => report("snapshot"),
    changed: () => report("changed"),
    removed: () => report("removed"),
    failed: () => report("failed"),
  };
}

/** What the facade relies on, and evens out so well that nobody above it would see for certain that it is missing. */
export const backendAlone = suite("the backend alone", (test) => {
  for (const [kind, begin] of Object.entries(watchKinds)) {
    test(
      "WATCH-5",
      `${kind} reports after the call that began it, and nothing once it was ended or the session abandoned`,
      async (kit) => {
        const writer = await kit.client();
        await writer.session.create("/w");
        for (const ending of ["stop", "abandon"] as const) {
          const { session } = await openBare(kit, 5 * kit.target.sessionTimeoutMs);
          const reports: string[] = [];
          let hasBegun = false;
          const stop = begin(session, (what) => reports.push(hasBegun ? what : `${what} within the call`));
          hasBegun = true;
          await kit.until("the first report", soonMs(kit), () => reports.length > 0);
          ok(!reports.some((what) => what.includes("within")), `the sink was told: ${reports.join(", ")}`);
          if (ending === "stop") stop();
          else session.abandon();
          const before = reports.length;
          await writer.session.set("/w", ending);
          await writer.session.create(`/w/${ending}`);
          await writer.session.delete(`/w/${ending}`);
          await kit.sleep(kit.target.sessionTimeoutMs / 4);
          deepStrictEqual(reports.slice(before), [], `reports after ${ending}`);
          stop();
        }
      },
    );
  }

  test(
    "SES-3",
    "the time of a session whose opening was answered late counts from when it was asked for",
    { needs: ["link"] },
    async (kit) => {
      const observer = await kit.client();
      const { session, client } = await openBare(kit, kit.target.sessionTimeoutMs, async ({ link }) => {
        await link?.blackHole("replies");
        await kit.sleep(0.4 * kit.target.sessionTimeoutMs);
        await link?.heal();
      });
      await session.commit([creation("/held", { ephemeral: true })], undefined);
      // A client may keep its session alive of its own accord.
      await client.link?.refuse();
      // Nobody renews it. Its owner would count it as lost at this time (SES-3), and no later.
      const lostAtMs = session.openedAtMs + 0.95 * session.timeoutMs;
      await kit.until(
        "the end of a session that nobody renews",
        soonMs(kit) + session.timeoutMs,
        async () => {
          return !(await observer.coordinator.exists("/held", linearizable));
        },
      );
      const goneAtMs = kit.clock.now();
      ok(
        goneAtMs >= lostAtMs,
        `its node was gone ${Math.round(lostAtMs - goneAtMs)} ms before its owner, counting from openedAtMs, knew that it is lost`,
      );
    },
  );

  test(
    "SES-3",
    "the timeout that is reported is the store's, and not longer",
    { needs: ["link"] },
    async (kit) => {
      const observer = await kit.client();
      const { session, client } = await openBare(kit, kit.target.sessionTimeoutMs);
      await session.commit([creation("/held", { ephemeral: true })], undefined);
      const renewedAtMs = await session.renew(session.timeoutMs / 3);
      await client.link?.refuse();
      await kit.until(
        "the end of a session that nobody renews",
        soonMs(kit) + session.timeoutMs,
        async () => {
          return !(await observer.coordinator.exists("/held", linearizable));
        },
      );
      const livedMs = kit.clock.now() - renewedAtMs;
      ok(
        livedMs >= 0.95 * session.timeoutMs,
        `it lived ${Math.round(livedMs)} of the ${session.timeoutMs} ms that timeoutMs says, after what renew resolved with`,
      );
    },
  );

  test("SES-6", "when close has resolved, the ephemeral nodes of the session are gone", async (kit) => {
    const observer = await kit.client();
    const { session } = await openBare(kit, 20 * kit.target.sessionTimeoutMs);
    await session.commit([creation("/held", { ephemeral: true })], undefined);
    await kit.within("close", soonMs(kit), session.close());
    ok(!(await observer.coordinator.exists("/held", linearizable)), "the node outlived close");
    session.abandon();
    session.abandon();
  });

  for (const fault of ["refuse", "blackHole"] as const) {
    test(
      "SES-10",
      `an opening that is given up rejects promptly (${fault})`,
      { needs: ["link"] },
      async (kit) => {
        const client = await kit.testClient();
        await client.link?.[fault]();
        const giveUp = new AbortController();
        const opening = client.backend.open({
          namespace: kit.namespace,
          sessionTimeoutMs: kit.target.sessionTimeoutMs,
          connectTimeoutMs: 60_000,
          signal: giveUp.signal,
          observer: { disconnected: () => {}, ended: () => {} },
        });
        const settled = opening.then(
          (session) => session.abandon(),
          () => {},
        );
        await kit.sleep(kit.target.sessionTimeoutMs / 20);
        giveUp.abort();
        await kit.within("open settles once its signal aborts", soonMs(kit), settled);
      },
    );
  }

  test(
    "OUT-1",
    "without contact every call is refused at once, as not applied, and nothing is kept for later",
    { needs: ["link"] },
    async (kit) => {
      const observer = await kit.client();
      await observer.coordinator.create("/target");
      const bare = await openBare(kit, 20 * kit.target.sessionTimeoutMs);
      const { session, client } = bare;
      await client.link?.refuse();
      await kit.until("the backend reports the disconnection", soonMs(kit), bare.wasDisconnected);
      const set = { type: "set", path: "/target", data, ifVersion: undefined } as const;
      const calls = {
        get: () => session.get("/target", linearizable),
        children: () => session.children("/", linearizable),
        set: () => session.commit([set], undefined),
        "ephemeral create": () => session.commit([creation("/late", { ephemeral: true })], undefined),
        enqueue: () => session.enqueue("/line", { label: "lock", data }, { label: undefined, limit: 1 }),
      };
      for (const [what, call] of Object.entries(calls)) {
        const rejection = rejects(call(), "CONNECTION_LOST", "not-applied");
        await kit.within(`${what} refused`, soonMs(kit), rejection).catch((error: Error) => {
          throw new Error(`${what} without contact: ${error.message}`, { cause: error });
        });
      }
      await client.link?.heal();
      await kit.until("contact", soonMs(kit), () => answers(session));
      await kit.sleep(kit.target.sessionTimeoutMs / 4);
      const { coordinator } = observer;
      deepStrictEqual(
        (await coordinator.get("/target", linearizable))?.version,
        0,
        "a refused set was made later",
      );
      const names = (await coordinator.children("/", linearizable)).map(({ name }) => name);
      deepStrictEqual(names, ["target"], "a refused create was made later");
    },
  );
});

async function answers(session: BackendSession): Promise<boolean> {
  try {
    await session.get("/", linearizable);
    return true;
  } catch (error) {
    if (ConclaveError.is(error, "CONNECTION_LOST")) return false;
    throw error;
  }
}
