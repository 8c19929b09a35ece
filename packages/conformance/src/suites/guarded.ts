import assert from "node:assert/strict";
import { ConclaveError, type Leadership } from "@conclave/api";
import type { Guard } from "@conclave/api/backend";
import { rejects } from "../expect.js";
import type { Kit } from "../kit.js";
import { type CaseOptions, suite } from "../suite.js";
import { type Bare, nearest, openBare } from "./bare-session.js";
import { loseSession, range, soonMs, steady, text } from "./support.js";

const path = "/e";
const atomically: CaseOptions = { when: ({ guardedWrites }) => guardedWrites === "transaction" };
const bySession: CaseOptions = { when: ({ guardedWrites }) => guardedWrites === "session", weaker: true };

/** A session with nobody above who would notice its loss: whatever refuses its writes is the store. */
function bare(kit: Kit): Promise<Bare> {
  return openBare(kit, 5 * kit.target.sessionTimeoutMs);
}

function set(at: string, data: string) {
  return { type: "set", path: at, data: new TextEncoder().encode(data), ifVersion: undefined } as const;
}

/** Guarded writes of `leadership`, many under way at once, until one is refused; returns the revisions of those acknowledged. */
async function writeOn(
  leadership: Leadership,
  codes: readonly ("NOT_HELD" | "SESSION_LOST" | "CONNECTION_LOST")[],
): Promise<bigint[]> {
  const revisions: bigint[] = [];
  const lane = async () => {
    for (;;) {
      const written = await leadership.set("/register", String(leadership.token)).catch((error: unknown) => {
        if (ConclaveError.is(error) && (codes as readonly string[]).includes(error.code)) return undefined;
        throw error;
      });
      if (written === undefined) return;
      revisions.push(written.modRevision);
    }
  };
  await Promise.all(range(4).map(lane));
  return revisions;
}

export const guarded = suite("guarded writes", (test) => {
  test("LEAD-4", "a leader sets, creates and deletes as anybody does", async (kit) => {
    const { coordinator, session } = await kit.client(steady(kit));
    const leadership = await coordinator.election(path).campaign();
    await leadership.create("/work/item", "1", { parents: true });
    assert.equal((await leadership.set("/work/item", "2", { ifVersion: 0 })).version, 1);
    assert.equal(text(await session.get("/work/item")), "2");
    const { path: made, sequence } = await leadership.create("/work/s-", "", {
      sequential: true,
      ephemeral: true,
    });
    assert.equal(typeof sequence, "bigint");
    assert.equal((await session.get(made))?.ephemeralOwner, session.id);
    await rejects(leadership.set("/none", ""), "NO_NODE");
    await rejects(leadership.create("/work/item"), "NODE_EXISTS");
    await rejects(leadership.set("/work/item", "", { ifVersion: 0 }), "BAD_VERSION");
    await rejects(leadership.delete("/work"), "NOT_EMPTY");
    assert.ok(leadership.isHeld, "a write that fails for other reasons ends no leadership");
    await leadership.delete("/work/item", { ifVersion: 1 });
    assert.equal(await session.exists("/work/item"), false);
  });

  test(
    "LEAD-4",
    "a leader commits transactions",
    { when: (c) => c.transactions && c.guardedWrites === "transaction" },
    async (kit) => {
      const [{ coordinator }, other] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      const leadership = await coordinator.election(path).campaign();
      await leadership.transaction([
        { type: "create", path: "/a", data: "1" },
        { type: "create", path: "/a/b", data: "1" },
      ]);
      const failed = await rejects(
        leadership.transaction([
          { type: "set", path: "/a", data: "2" },
          { type: "delete", path: "/none" },
        ]),
        "NO_NODE",
      );
      assert.equal(failed.operation, 1, "the guard is not counted among the operations");
      await other.coordinator.delete(leadership.path);
      await rejects(
        leadership.transaction([
          { type: "set", path: "/a", data: "2" },
          { type: "delete", path: "/a/b" },
        ]),
        "NOT_HELD",
        "not-applied",
      );
      assert.equal(text(await other.coordinator.get("/a", { linearizable: true })), "1");
      assert.ok(await other.coordinator.exists("/a/b", { linearizable: true }));
    },
  );

  test(
    "LEAD-4",
    "after it was given up or lost nothing more gets through, of any kind",
    { needs: ["link"], timeouts: 20 },
    async (kit) => {
      const client = await kit.client();
      const observer = await kit.client(steady(kit));
      await observer.coordinator.create("/n", "0");
      const writes = (leadership: Leadership) => [
        () => leadership.set("/n", "1"),
        () => leadership.create("/m"),
        () => leadership.create("/s-", "", { sequential: true, ephemeral: true }),
        () => leadership.delete("/n"),
        () => leadership.transaction([{ type: "set", path: "/n", data: "1" }]),
      ];
      const resigned = await client.coordinator.election(path).campaign();
      await resigned.resign();
      for (const write of writes(resigned)) await rejects(write(), "NOT_HELD", "not-applied");
      const lost = await client.coordinator.election(path).campaign();
      await loseSession(kit, client);
      for (const write of writes(lost)) await rejects(write(), "SESSION_LOST", "not-applied");
      assert.equal((await observer.coordinator.get("/n", { linearizable: true }))?.version, 0);
      assert.deepEqual(
        (await observer.coordinator.children("/", { linearizable: true })).map(({ name }) => name).sort(),
        ["e", "n"],
      );
    },
  );

  test("LEAD-4", "it is the store that refuses a holder whose entry is gone", async (kit) => {
    const observer = await kit.client(steady(kit));
    await observer.coordinator.create("/register", "0");
    const { session } = await bare(kit);
    const ticket = await session.enqueue(path, { label: "latch", data: new Uint8Array() }, nearest);
    const guard: Guard = { path: ticket.path, createRevision: ticket.createRevision };
    await session.commit([set("/register", "held")], guard);
    await observer.coordinator.delete(ticket.path);
    for (const operation of [
      set("/register", "stale"),
      { type: "delete", path: "/register", ifVersion: undefined } as const,
      {
        ...set("/made", "stale"),
        type: "create",
        ephemeral: true,
        sequential: true,
        parents: false,
      } as const,
    ]) {
      await rejects(session.commit([operation], guard), "NOT_HELD", "not-applied");
    }
    // The same name is not the same entry.
    await observer.coordinator.create(ticket.path, "", { ephemeral: true });
    await rejects(session.commit([set("/register", "stale")], guard), "NOT_HELD", "not-applied");
    await observer.coordinator.delete(ticket.path);
    const again = {
      ...set(ticket.path, ""),
      type: "create",
      ephemeral: true,
      sequential: false,
      parents: false,
    } as const;
    await session.commit([again], undefined);
    await rejects(session.commit([set("/register", "stale")], guard), "NOT_HELD", "not-applied");
    await session
      .commit([set("/unguarded", "")], undefined)
      .catch((error) => rejects(Promise.reject(error), "NO_NODE"));
    assert.equal(text(await observer.coordinator.get("/register", { linearizable: true })), "held");
  });

  test(
    "LEAD-4",
    "what was under way when the entry was deleted is refused",
    { needs: ["link"] },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await b.coordinator.create("/register", "0");
      const leadership = await a.coordinator.election(path).campaign();
      await leadership.set("/register", "held");
      // Sent while it still led, and on the way for so long that it arrives when it leads no more.
      await a.link.blackHole();
      const late = [
        () => leadership.set("/register", "stale"),
        () => leadership.create("/made"),
        () => leadership.delete("/register"),
      ].map((write) => rejects(write(), "NOT_HELD", "not-applied"));
      const refused = Promise.all(late);
      refused.catch(() => {});
      await b.coordinator.delete(leadership.path);
      assert.ok(leadership.isHeld, "it cannot know yet");
      await a.link.heal();
      await kit.within("the refusals", soonMs(kit), refused);
      assert.equal(text(await b.coordinator.get("/register", { linearizable: true })), "held");
      assert.equal(await b.coordinator.exists("/made", { linearizable: true }), false);
    },
  );

  test(
    "LEAD-4",
    "it is the store that refuses a holder whose session it has ended",
    { needs: ["link", "expireSession"] },
    async (kit) => {
      const observer = await kit.client(steady(kit));
      await observer.coordinator.create("/register", "0");
      const { session, client, isOver } = await bare(kit);
      const ticket = await session.enqueue(path, { label: "latch", data: new Uint8Array() }, nearest);
      await session.commit([set("/register", "held")], ticket);
      await client.link?.refuse();
      await kit.target.expireSession?.({ id: session.id, client });
      const next = await kit.within("the next", soonMs(kit), observer.coordinator.election(path).campaign());
      await client.link?.heal();
      // While it connects, there is no contact, and the write is not sent.
      await kit.until("an answer of the store", soonMs(kit), () =>
        session.commit([set("/register", "stale")], ticket).then(
          () => assert.fail("the store took a write of a session that was over"),
          (error: unknown) => {
            if (ConclaveError.is(error, "CONNECTION_LOST")) return isOver();
            assert.ok(
              ConclaveError.is(error, "SESSION_LOST") || ConclaveError.is(error, "NOT_HELD"),
              String(error),
            );
            return true;
          },
        ),
      );
      await next.set("/register", "next");
      assert.equal((await observer.coordinator.get("/register", { linearizable: true }))?.version, 2);
    },
  );

  test(
    "LEAD-4",
    "guard and write are one: no write lands after the entry was deleted",
    { ...atomically, timeouts: 20 },
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await b.coordinator.create("/register", "0");
      await b.coordinator.create("/mark", "0");
      for (const _ of range(15)) {
        const leadership = await a.coordinator.election(path).campaign();
        const writing = writeOn(leadership, ["NOT_HELD"]);
        await b.coordinator.get("/", { linearizable: true });
        await b.coordinator.delete(leadership.path);
        const { modRevision: deletedBefore } = await b.coordinator.set("/mark", "");
        for (const revision of await kit.within("the refusal", soonMs(kit), writing)) {
          assert.ok(revision < deletedBefore, "a guarded write after the entry was deleted");
        }
      }
    },
  );

  test(
    "LEAD-4",
    "no write lands after the store ended the session",
    { needs: ["expireSession", "link"], timeouts: 30 },
    async (kit) => {
      const b = await kit.client(steady(kit));
      await b.coordinator.create("/register", "0");
      await b.coordinator.create("/mark", "0");
      for (const _ of range(5)) {
        const a = await kit.client(steady(kit));
        const leadership = await a.coordinator.election(path).campaign();
        const writing = writeOn(leadership, ["SESSION_LOST", "NOT_HELD", "CONNECTION_LOST"]);
        await b.coordinator.get("/", { linearizable: true });
        // Cut off for a moment only: the requests under way reach the store around the end of the session.
        await a.link.refuse();
        await kit.target.expireSession?.({ id: a.session.id, client: a.test });
        const { modRevision: endedBefore } = await b.coordinator.set("/mark", "");
        await a.link.heal();
        for (const revision of await kit.within("the refusal", soonMs(kit) + a.session.timeoutMs, writing)) {
          assert.ok(revision < endedBefore, "a guarded write after the session ended");
        }
      }
    },
  );

  test(
    "LEAD-4",
    "where the guard is a read before the write, a deleted entry is noticed all the same",
    bySession,
    async (kit) => {
      const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
      await b.coordinator.create("/register", "0");
      for (const _ of range(15)) {
        const leadership = await a.coordinator.election(path).campaign();
        const writing = writeOn(leadership, ["NOT_HELD"]);
        await b.coordinator.get("/", { linearizable: true });
        await b.coordinator.delete(leadership.path);
        await kit.within("the refusal", soonMs(kit), writing);
        const before = await b.coordinator.get("/register", { linearizable: true });
        await rejects(leadership.set("/register", "stale"), "NOT_HELD", "not-applied");
        assert.deepEqual(await b.coordinator.get("/register", { linearizable: true }), before);
      }
    },
  );
});
