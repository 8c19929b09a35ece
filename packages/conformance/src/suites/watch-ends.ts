import assert from "node:assert/strict";
import { ConclaveError } from "@conclave/api";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { Follower, follow, loseSession, range, soonMs, steady, text } from "./support.js";
import { kinds, seen } from "./watches.js";

export const watchEnds = suite("ends of watches", (test) => {
  test(
    "WATCH-5",
    "it ends quietly by leaving the loop, by return and by signal, also while it waits",
    async (kit) => {
      const { session, coordinator } = await kit.client();
      for (const by of [session, coordinator]) {
        for (const [kind] of kinds) {
          const controller = new AbortController();
          const watch: AsyncIterable<unknown> = by[kind]("/w", { signal: controller.signal });
          const iterators = range(3).map(() => watch[Symbol.asyncIterator]());
          for (const iterator of iterators) await iterator.next();
          const [returned, aborted, idle] = iterators;
          const pending = [returned?.next(), returned?.next(), aborted?.next()];
          await returned?.return?.();
          controller.abort();
          const results = await kit.within("the end", soonMs(kit), Promise.all(pending));
          assert.deepEqual(
            results.map((result) => result?.done),
            [true, true, true],
          );
          assert.equal((await idle?.next())?.done, true);
          for await (const _ of watch) assert.fail("a watch under an aborted signal yielded something");
          for await (const _ of by[kind]("/w") as AsyncIterable<unknown>) break;
        }
      }
    },
  );

  test("WATCH-5", "it throws CLOSED when what it belongs to is closed", async (kit) => {
    const { session, coordinator } = await kit.client();
    const ofSession = kinds.map(([, watch]) => new Follower<unknown>(watch(session)));
    const ofCoordinator = kinds.map(([, watch]) => new Follower<unknown>(watch(coordinator)));
    const late = session.watch("/w")[Symbol.asyncIterator]();
    await late.next();
    for (const each of [...ofSession, ...ofCoordinator]) {
      await kit.until("the first state", soonMs(kit), () => each.values.length > 0);
    }
    await session.close();
    for (const { ended } of ofSession) {
      const { error } = await kit.within("the end", soonMs(kit), ended);
      assert.ok(ConclaveError.is(error, "CLOSED"), String(error));
    }
    await rejects(late.next(), "CLOSED");
    await rejects(session.watch("/w")[Symbol.asyncIterator]().next(), "CLOSED");
    await coordinator.create("/w", "next session");
    await kit.until(
      "the coordinator's watch goes on",
      soonMs(kit),
      () => ofCoordinator[0]?.last !== undefined,
    );
    await coordinator.close();
    for (const { ended } of ofCoordinator) {
      const { error } = await kit.within("the end", soonMs(kit), ended);
      assert.ok(ConclaveError.is(error, "CLOSED"), String(error));
    }
    await rejects(coordinator.watch("/w")[Symbol.asyncIterator]().next(), "CLOSED");
  });

  test(
    "WATCH-5",
    "a session's watch throws SESSION_LOST, a coordinator's goes on in the next session",
    { needs: ["link"] },
    async (kit) => {
      const [writer, client] = [await kit.client(), await kit.client()];
      const { session, coordinator } = client;
      await writer.coordinator.create("/w", "before");
      await writer.coordinator.create("/w/old");
      const ofSession = kinds.map(([, watch]) => new Follower<unknown>(watch(session)));
      const [node, names, nodes] = [
        follow(kit, coordinator.watch("/w")),
        follow(kit, coordinator.watchChildren("/w")),
        follow(kit, coordinator.watchChildNodes("/w")),
      ];
      for (const each of [...ofSession, node, names, nodes]) {
        await kit.until("the first state", soonMs(kit), () => each.values.length > 0);
      }
      const losing = loseSession(kit, client);
      await writer.coordinator.set("/w", "meanwhile");
      await writer.coordinator.delete("/w/old");
      await writer.coordinator.create("/w/new", "1");
      await losing;
      for (const { ended } of ofSession) {
        const { error } = await kit.within("the end", soonMs(kit), ended);
        assert.ok(ConclaveError.is(error, "SESSION_LOST"), String(error));
      }
      for (const [, watch] of kinds) {
        const late = (watch(session) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
        await rejects(late.next(), "SESSION_LOST");
        assert.equal((await late.next()).done, true);
      }
      const isNew = (found: readonly { readonly name: string }[] | undefined) =>
        found?.map(({ name }) => name).join() === "new";
      await seen(kit, "what changed in between", node, (found) => text(found) === "meanwhile");
      await seen(kit, "the children as they are now", names, isNew);
      await seen(kit, "the child nodes as they are now", nodes, isNew);
      await writer.coordinator.set("/w", "after");
      await writer.coordinator.set("/w/new", "2");
      await seen(kit, "what changes in the new session", node, (found) => text(found) === "after");
      await seen(kit, "what changes in the new session", nodes, (found) => text(found?.[0]?.node) === "2");
    },
  );

  test(
    "WATCH-5",
    "watches that were given up cost the store nothing",
    { needs: ["notifications"] },
    async (kit) => {
      const [{ session: writer }, { session, link }] = [
        await kit.client(steady(kit)),
        await kit.client(steady(kit)),
      ];
      await writer.create("/w", "");
      for (const _ of range(30)) {
        for (const [, watch] of kinds) for await (const _ of watch(session) as AsyncIterable<unknown>) break;
      }
      const before = link.notifications?.() ?? 0;
      const follower = follow(kit, session.watch("/w"));
      await seen(kit, "the node", follower, (node) => node !== undefined);
      await writer.set("/w", "changed");
      await writer.create("/w/child");
      await seen(kit, "the change", follower, (node) => text(node) === "changed");
      await session.get("/w");
      const told = (link.notifications?.() ?? 0) - before;
      // One for the watch that is on; where a watch cannot be taken back, one more of each kind that was shared.
      assert.ok(told >= 1 && told <= 3, `${told} notifications`);
    },
  );

  test("WATCH-7", "a consumer that throws, or never reads, harms no other", async (kit) => {
    const [{ session: writer }, { session, coordinator }] = [
      await kit.client(steady(kit)),
      await kit.client(steady(kit)),
    ];
    await writer.create("/w", "");
    const failures: unknown[] = [];
    const idle: AsyncIterator<unknown>[] = [];
    for (const by of [session, coordinator]) {
      for (const [, watch] of kinds) {
        const failing = async () => {
          for await (const _ of watch(by) as AsyncIterable<unknown>) throw new Error("a consumer that fails");
        };
        failing().catch((error) => failures.push(error));
        const unread = (watch(by) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
        idle.push(unread);
        void unread.next();
      }
    }
    const good = [follow(kit, session.watch("/w")), follow(kit, coordinator.watch("/w"))];
    const children = [
      follow(kit, session.watchChildren("/w")),
      follow(kit, coordinator.watchChildNodes("/w")),
    ];
    await kit.until("they fail", soonMs(kit), () => failures.length === 6);
    for (const round of range(20)) {
      await writer.set("/w", String(round));
      await writer.create(`/w/${round}`);
    }
    for (const each of good) await seen(kit, "the last state", each, (node) => text(node) === "19");
    for (const each of children)
      await seen(
        kit,
        "all children",
        each as Follower<readonly unknown[] | undefined>,
        (found) => found?.length === 20,
      );
    assert.equal(session.signal.aborted, false);
    for (const iterator of idle) await iterator.return?.();
  });
});
