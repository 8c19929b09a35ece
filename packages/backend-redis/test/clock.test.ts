import { connect } from "@conclave/api";
import { redis } from "@conclave/backend-redis";
import { type ClockedRedis, faketimeMissing, startClockedRedis } from "@conclave/test-servers";
import { afterAll, describe, expect, test } from "vitest";
import { bytes, create, errorOf, eventually, Listing, linearizable, nearest, set, setUp } from "./helpers.js";

const missing = faketimeMissing();
const HOURS_MS = 3 * 3_600_000;
const timeoutMs = 2_000;
/** For a machine that is busy. */
const ROOM_MS = 1_000;

describe.skipIf(missing !== undefined)(
  `the server's clock${missing ? ` [not proven here: ${missing}]` : ""}`,
  () => {
    let clocked: ClockedRedis;
    let offsetMs = 0;
    const setting = setUp(async () => {
      clocked = await startClockedRedis({ appendonly: false });
      return clocked.server;
    });
    afterAll(() => clocked?.stop());

    function jump(byMs: number): void {
      offsetMs += byMs;
      clocked.setClock(offsetMs);
    }

    /** Somebody who lives, and sees what becomes of the nodes below "/p". */
    async function witness() {
      const { session, facts } = await setting.open({ sessionTimeoutMs: timeoutMs });
      setting.keepAlive(session);
      await session.commit([create("/p", { parents: true })], undefined);
      await session.commit([create("/own", { ephemeral: true })], undefined);
      const children = new Listing();
      session.watchChildren("/p", children);
      await eventually(() => expect(children.snapshots).toBeGreaterThan(0));
      return { session, facts, children };
    }

    async function mortal(name: string) {
      const { session } = await setting.open({ sessionTimeoutMs: timeoutMs });
      await session.commit([create(`/p/${name}`, { ephemeral: true })], undefined);
      return session;
    }

    test("SES-2 forwards, by less than what is left to those who live: their sessions go on", async () => {
      const { session, facts, children } = await witness();
      for (let i = 0; i < 3; i++) {
        await session.renew(timeoutMs);
        jump(timeoutMs / 2);
        await session.renew(timeoutMs);
      }
      expect(await session.get("/own", linearizable)).toMatchObject({ ephemeralOwner: session.id });
      const dead = await mortal("dead");
      await eventually(() => expect(children.names?.has("dead")).toBe(true));
      dead.abandon();
      await eventually(() => expect(children.names?.has("dead")).toBe(false), timeoutMs + ROOM_MS);
      expect(facts.ends).toEqual([]);
    });

    test("SES-5 forwards, by more: the session is over, visibly, and nothing of it is written any more", async () => {
      const options = { namespace: setting.namespace, sessionTimeoutMs: timeoutMs };
      const backend = redis({ hosts: setting.server.url });
      const [a, b] = [await connect(backend, options), await connect(backend, options)];
      const first = await a.election("/e").campaign();
      await first.create("/guarded", "first");
      const session = await a.session();
      jump(HOURS_MS);
      await expect(first.set("/guarded", "late")).rejects.toThrow();
      // The jump has ended all sessions.
      const second = await eventually(() => b.election("/e").campaign());
      expect(second.token).toBeGreaterThan(first.token);
      await eventually(() => expect(session.state).toBe("lost"), timeoutMs + ROOM_MS);
      expect(first.signal.aborted).toBe(true);
      expect(new TextDecoder().decode((await b.get("/guarded"))?.data)).toBe("first");
      await Promise.all([a.close(), b.close()]);
    });

    test("SES-6 backwards, by hours: those who live go on, and the dead live no longer for it", async () => {
      const { session, facts, children } = await witness();
      const [before, after] = [await mortal("before"), await mortal("after")];
      await eventually(() => expect(children.names?.size).toBe(2));
      await before.renew(timeoutMs);
      before.abandon();
      jump(-HOURS_MS);
      setting.keepAlive(after);
      await eventually(
        () => expect(children.names?.has("before")).toBe(false),
        timeoutMs + timeoutMs / 3 + ROOM_MS,
      );
      expect(children.names?.has("after"), "it lives").toBe(true);
      const renewedAtMs = await after.renew(timeoutMs);
      after.abandon();
      await eventually(() => expect(children.names?.has("after")).toBe(false), timeoutMs + ROOM_MS);
      expect(performance.now() - renewedAtMs, "and not before").toBeGreaterThan(timeoutMs);
      expect(await session.get("/own", linearizable)).toMatchObject({ ephemeralOwner: session.id });
      await session.commit([set("/p", "x")], undefined);
      expect(facts.ends).toEqual([]);
    });

    test("SES-6 backwards, while nobody is there: who comes next finds what the dead held free, after their timeout", async () => {
      const holder = await mortalLeader();
      holder.abandon();
      jump(-HOURS_MS);
      const { session, facts } = await setting.open({ sessionTimeoutMs: timeoutMs });
      setting.keepAlive(session);
      await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
      await eventually(async () => {
        expect(await session.entries("/line", 10)).toHaveLength(1);
      }, timeoutMs + ROOM_MS);
      expect((await errorOf(holder.get("/", linearizable))).code).toBe("CONNECTION_LOST");
      expect(facts.ends).toEqual([]);
    });

    async function mortalLeader() {
      const { session } = await setting.open({ sessionTimeoutMs: timeoutMs });
      await session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
      return session;
    }
  },
);
