import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { ConclaveError, type Outcome, type Session } from "@conclave/api";
import { rejects, text } from "../expect.js";
import { suite } from "../suite.js";
import { childrenAre, pair, steady, suspend } from "./support.js";

/** How operations end when contact breaks under them. */
export const outcomes = suite("outcomes", (test) => {
  test(
    "OUT-1",
    "a write whose reply was lost ends as unknown, and was applied once",
    {
      needs: ["link"],
    },
    async (kit) => {
      const [{ session, link }, observer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await session.create("/set");
      await session.create("/deleted");
      await link.dropNextReply();
      await rejects(session.set("/set", "once"), "CONNECTION_LOST", "unknown");
      await link.dropNextReply();
      await rejects(session.delete("/deleted"), "CONNECTION_LOST", "unknown");
      await link.dropNextReply();
      await rejects(session.create("/created", "once"), "CONNECTION_LOST", "unknown");
      const { coordinator } = observer;
      const set = await coordinator.get("/set", { linearizable: true });
      deepStrictEqual([text(set?.data), set?.version], ["once", 1]);
      strictEqual(await coordinator.exists("/deleted", { linearizable: true }), false);
      strictEqual((await coordinator.get("/created", { linearizable: true }))?.version, 0);
      strictEqual(session.state === "lost", false);
    },
  );

  test(
    "OUT-1",
    "a transaction whose reply was lost ends as unknown, and was applied once",
    {
      needs: ["link"],
      when: ({ transactions }) => transactions,
    },
    async (kit) => {
      const [{ session, link }, observer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await session.create("/a");
      await session.create("/b");
      await link.dropNextReply();
      const both = session.transaction([
        { type: "set", path: "/a", data: "once" },
        { type: "set", path: "/b", data: "once" },
      ]);
      await rejects(both, "CONNECTION_LOST", "unknown");
      for (const path of ["/a", "/b"]) {
        strictEqual((await observer.coordinator.get(path, { linearizable: true }))?.version, 1);
      }
    },
  );

  test(
    "OUT-1",
    "a guarded write whose reply was lost ends as unknown, and was applied once",
    {
      needs: ["link"],
    },
    async (kit) => {
      const [{ coordinator, link }, observer] = [
        await kit.client(steady(kit)),
        await kit.client(steady(kit)),
      ];
      await coordinator.create("/guarded");
      const leadership = await coordinator.election("/e").campaign();
      await link.dropNextReply();
      await rejects(leadership.set("/guarded", "once"), "CONNECTION_LOST", "unknown");
      strictEqual((await observer.coordinator.get("/guarded", { linearizable: true }))?.version, 1);
      ok(leadership.isHeld, "the leadership was lost");
    },
  );

  test(
    "OUT-1",
    "a write that is made while there is no contact is sent once, when there is",
    {
      needs: ["link"],
    },
    async (kit) => {
      const { session, link } = await kit.client(steady(kit));
      await session.create("/set");
      await suspend(kit, { session, link });
      const written = session.set("/set", "later");
      await kit.sleep(session.timeoutMs / 20);
      await link.heal();
      deepStrictEqual((await kit.within("the write", session.timeoutMs, written)).version, 1);
    },
  );

  test(
    "OUT-1",
    "of writes that cuts break into, each outcome tells the truth",
    { needs: ["link"] },
    async (kit) => {
      const [{ session, link }, observer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      const paths = Array.from({ length: 60 }, (_, index) => `/set-${index}`);
      for (const path of paths) await session.create(path);
      const ends: string[] = [];
      let writing = true;
      const possible = { applied: [1], "not-applied": [0], unknown: [0, 1] };
      const write = async (path: string) => {
        const end: "applied" | Outcome = await session.set(path, "once").then(
          () => "applied",
          (error: unknown) => {
            if (!ConclaveError.is(error, "CONNECTION_LOST")) throw error;
            return error.outcome;
          },
        );
        const node = await observer.coordinator.get(path, { linearizable: true });
        const versions: readonly number[] = possible[end];
        ok(versions.includes(node?.version ?? -1), `${end}, and its version is ${node?.version}`);
        ends.push(end);
      };
      const cutting = async () => {
        while (writing) {
          await link.cut();
          await kit.until("connected", session.timeoutMs, () => session.state !== "suspended");
          await kit.sleep(1);
        }
      };
      const cuts = cutting();
      for (let index = 0; index < paths.length; index += 5) {
        await Promise.all(paths.slice(index, index + 5).map(write));
        await kit.sleep(1);
      }
      writing = false;
      await cuts;
      strictEqual(ends.length, paths.length);
      strictEqual(session.signal.aborted, false);
    },
  );

  test(
    "OUT-2",
    "reads that are under way when contact breaks are answered after it",
    {
      needs: ["link"],
    },
    async (kit) => {
      for (const fault of ["refuse", "blackHole"] as const) {
        const { session, link } = await kit.client(steady(kit));
        await link[fault]();
        const answers = allReads(session);
        await kit.sleep(session.timeoutMs / 10);
        await link.heal();
        await kit.within(`the reads through ${fault}`, session.timeoutMs, answers);
      }
    },
  );

  test("OUT-2", "a read whose reply was lost is repeated", { needs: ["link"] }, async (kit) => {
    const { session, link } = await kit.client(steady(kit));
    await session.create("/read", "data");
    await link.dropNextReply();
    const node = await kit.within("the read", session.timeoutMs, session.get("/read"));
    strictEqual(text(node?.data), "data");
    await link.dropNextReply();
    const children = session.children("/", { linearizable: true });
    const names = (await kit.within("the listing", session.timeoutMs, children)).map(({ name }) => name);
    deepStrictEqual(names, ["read"]);
  });

  for (const [kind, options] of Object.entries({
    "a sequential": { sequential: true },
    "an ephemeral": { ephemeral: true },
    "an ephemeral sequential": { ephemeral: true, sequential: true },
  })) {
    test(
      "OUT-3",
      `${kind} create whose reply was lost leaves exactly one node, and finds it`,
      {
        needs: ["link"],
      },
      async (kit) => {
        const [{ session, link }, observer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
        await session.create("/queue");
        const before = await session.create("/queue/n-", "", { sequential: true });
        await link.dropNextReply();
        const creation = session.create("/queue/found-", "mine", options);
        const created = await kit.within("the creation", 2 * session.timeoutMs, creation);
        const { coordinator } = observer;
        const children = await coordinator.childNodes("/queue", { linearizable: true });
        const found = children.filter(({ name }) => name.startsWith("found-"));
        deepStrictEqual(
          found.map(({ node, sequence }) => [node.path, sequence, text(node.data)]),
          [[created.path, created.sequence, "mine"]],
        );
        strictEqual(found[0]?.node.ephemeralOwner, options.ephemeral ? session.id : undefined);
        if (options.sequential) ok((created.sequence ?? 0n) > (before.sequence ?? 0n), "out of order");
      },
    );
  }

  for (const [kind, options] of Object.entries({
    "a sequential": { sequential: true },
    "an ephemeral": { ephemeral: true },
  })) {
    test(
      "OUT-3",
      `${kind} node that others have taken, before its maker could hear of it, is not made again`,
      { needs: ["link"] },
      async (kit) => {
        const [{ session, link }, other] = await pair(kit);
        const { coordinator } = other;
        await coordinator.create("/queue");
        await link.blackHole("replies");
        const creating = session.create("/queue/n-", "", options).then(
          ({ path }) => path,
          (error: unknown) => error,
        );
        const [name] = await childrenAre(kit, other, "/queue", 1);
        await link.refuse();
        await coordinator.delete(`/queue/${name}`);
        await link.heal();
        const end = await kit.within("the creation", 2 * session.timeoutMs, creating);
        if (ConclaveError.is(end, "CONNECTION_LOST")) strictEqual(end.outcome, "unknown");
        else strictEqual(end, `/queue/${name}`);
        deepStrictEqual(await coordinator.children("/queue", { linearizable: true }), []);
      },
    );
  }

  test(
    "OUT-3",
    "a transaction that makes a sequential node, and whose reply was lost, is applied once, with all its results",
    { needs: ["link"], when: ({ transactions }) => transactions },
    async (kit) => {
      const [{ session, link }, observer] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await session.create("/queue");
      await session.create("/set");
      await link.dropNextReply();
      const both = session.transaction([
        { type: "create", path: "/queue/n-", data: "mine", sequential: true },
        { type: "set", path: "/set", data: "once" },
      ]);
      const [created, set] = await kit.within("the transaction", 2 * session.timeoutMs, both);
      const { coordinator } = observer;
      const found = await coordinator.childNodes("/queue", { linearizable: true });
      const stored = await coordinator.get("/set", { linearizable: true });
      deepStrictEqual(
        found.map(({ node, sequence }) => ({ path: node.path, sequence })),
        [created],
      );
      deepStrictEqual(set, { version: 1, modRevision: stored?.modRevision });
      deepStrictEqual([stored?.version, text(stored?.data)], [1, "once"]);
    },
  );

  test(
    "OUT-3",
    "a create that would not have succeeded is not taken for one whose reply was lost",
    {
      needs: ["link"],
    },
    async (kit) => {
      const [{ session, link }, other] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await other.session.create("/taken", "theirs", { ephemeral: true });
      await link.dropNextReply();
      const error = await session.create("/taken", "mine", { ephemeral: true }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      ok(ConclaveError.is(error), "the creation succeeded");
      // Refused, if the answer could be had again; otherwise nobody knows.
      ok(["NODE_EXISTS", "CONNECTION_LOST"].includes(error.code), error.code);
      const node = await other.session.get("/taken");
      deepStrictEqual([text(node?.data), node?.ephemeralOwner], ["theirs", other.session.id]);
    },
  );

  test(
    "OUT-3",
    "a candidate whose reply was lost stands once, and the queue moves on",
    {
      needs: ["link"],
      timeouts: 15,
    },
    async (kit) => {
      const [victim, next] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      const { timeoutMs } = victim.session;
      await victim.link.dropNextReply();
      const campaign = victim.coordinator.election("/e").campaign({ timeoutMs: 2 * timeoutMs });
      const leadership = await kit.within("the campaign", 3 * timeoutMs, campaign);
      const candidates = await next.coordinator.children("/e", { linearizable: true });
      strictEqual(candidates.length, 1, `candidates: ${candidates.map(({ name }) => name).join(", ")}`);
      const behind = next.coordinator.election("/e").campaign();
      await kit.until("both stand in line", timeoutMs, async () => {
        return (await next.coordinator.children("/e", { linearizable: true })).length === 2;
      });
      await leadership.resign();
      const second = await kit.within("the next leader", timeoutMs, behind);
      ok(second.token > leadership.token, `token ${second.token} after ${leadership.token}`);
    },
  );

  test(
    "OUT-3",
    "what a lost reply hides vanishes with the session, if that is lost too",
    {
      needs: ["link"],
    },
    async (kit) => {
      const [{ coordinator, session, link }, observer] = [await kit.client(), await kit.client()];
      await coordinator.create("/queue");
      await link.dropNextReply();
      const creation = rejects(
        session.create("/queue/n-", "", { ephemeral: true, sequential: true }),
        "SESSION_LOST",
        "unknown",
      );
      for await (const state of session.states()) if (state === "suspended") break;
      await link.refuse();
      await kit.within("the creation", 2 * session.timeoutMs, creation);
      await kit.until("no orphan", session.timeoutMs + kit.target.expiryBoundMs, async () => {
        return (await observer.coordinator.children("/queue", { linearizable: true })).length === 0;
      });
    },
  );
});

function allReads(session: Session): Promise<unknown> {
  const linearizable = true;
  return Promise.all([
    session.get("/"),
    session.get("/", { linearizable }),
    session.exists("/"),
    session.children("/", { linearizable }),
    session.childNodes("/"),
  ]);
}
