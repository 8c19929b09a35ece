import assert from "node:assert/strict";
import type { Child, ChildNode, Node, NodeClient } from "@conclave/api";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import {
  type Follower,
  follow,
  loseSession,
  over,
  range,
  soonMs,
  steady,
  suspended,
  text,
} from "./support.js";

const total = 3_000;
/** Writes under way at once. */
const width = 20;

/** Three watches of one client, and what they must come to. */
class Watched {
  readonly node: Follower<Node | undefined>;
  readonly names: Follower<readonly Child[] | undefined>;
  readonly nodes: Follower<readonly ChildNode[] | undefined>;
  readonly #kit: Kit;

  constructor(kit: Kit, by: NodeClient) {
    this.#kit = kit;
    this.node = follow(kit, by.watch("/w"));
    this.names = follow(kit, by.watchChildren("/w"));
    this.nodes = follow(kit, by.watchChildNodes("/w"));
  }

  /** The watches have started. */
  async begin(): Promise<void> {
    for (const each of [this.node, this.names, this.nodes]) {
      await this.#kit.until("the first state", soonMs(this.#kit), () => each.values.length > 0);
    }
  }

  /** They show what the store has now, whole, and never went back on the way there. */
  async converge(reader: NodeClient): Promise<void> {
    const node = await reader.get("/w", { linearizable: true });
    const children = await reader.childNodes("/w", { linearizable: true });
    const key = (found: readonly ChildNode[] | undefined) =>
      found
        ?.map((child) => `${child.name} ${child.node.createRevision} ${child.node.modRevision}`)
        .sort()
        .join();
    const names = (found: readonly Child[] | undefined) =>
      found
        ?.map(({ name }) => name)
        .sort()
        .join();
    const until = (what: string, is: () => boolean) => this.#kit.until(what, soonMs(this.#kit), is);
    await until(
      "the node watch shows the last state",
      () => this.node.last?.modRevision === node?.modRevision,
    );
    await until("the children watch shows the last state", () => names(this.names.last) === names(children));
    await until("the child nodes watch shows the last state", () => key(this.nodes.last) === key(children));
    this.#neverBack();
  }

  #neverBack(): void {
    let last = 0n;
    for (const node of this.node.values) {
      if (node === undefined) continue;
      assert.ok(node.modRevision >= last, `revision ${node.modRevision} after ${last}`);
      last = node.modRevision;
    }
    const revisions = new Map<string, bigint>();
    for (const children of this.nodes.values) {
      for (const { name, node } of children ?? []) {
        const before = revisions.get(name) ?? 0n;
        assert.ok(node.modRevision >= before, `${name}: revision ${node.modRevision} after ${before}`);
        revisions.set(name, node.modRevision);
      }
    }
  }
}

/** Changes of every kind under /w: sets, creates, deletes, deletes with recreation. Each step touches a slot of its own. */
async function change(writer: NodeClient, step: number): Promise<void> {
  const path = `/w/${step % width}`;
  if (step % 3 === 0) {
    await writer.set("/w", String(step));
    return;
  }
  if (!(await writer.exists(path))) await writer.create(path, String(step));
  else if (step % 5 === 0) await writer.delete(path);
  else await writer.set(path, String(step));
}

/** Makes changes `from` to `to`; `during` is called after each batch. */
async function changes(
  writer: KitClient,
  from: number,
  to: number,
  goOn: () => boolean = () => true,
): Promise<number> {
  let step = from;
  for (; step < to && goOn(); step += width) {
    await Promise.all(range(width).map((slot) => change(writer.session, step + slot)));
  }
  return step;
}

async function prepared(kit: Kit): Promise<readonly [KitClient, KitClient]> {
  const writer = await kit.client(steady(kit));
  await writer.session.create("/w");
  return [writer, await kit.client(steady(kit))];
}

export const watchFaults = suite("watches across faults", (test) => {
  test(
    "WATCH-4",
    "3,000 changes around two disconnections: it converges and never goes back",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [writer, watcher] = await prepared(kit);
      const { session, coordinator, link } = watcher;
      const watched = [new Watched(kit, session), new Watched(kit, coordinator)];
      for (const each of watched) await each.begin();
      let step = await changes(writer, 0, 800);
      await link.cut();
      step = await changes(writer, step, 1_600);
      await link.refuse();
      const untilMs = kit.clock.now() + session.timeoutMs / 4;
      step = await changes(writer, step, 2_400, () => kit.clock.now() < untilMs);
      await link.heal();
      await changes(writer, step, total);
      for (const each of watched) await each.converge(writer.session);
      await kit.until("the same session connected", soonMs(kit), () => session.state === "connected");
    },
  );

  test(
    "WATCH-4",
    "a second disconnection before the first was caught up with loses nothing",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const [writer, watcher] = await prepared(kit);
      const { session, link } = watcher;
      const watched = new Watched(kit, session);
      await watched.begin();
      for (const round of range(4)) {
        await link.refuse();
        await changes(writer, round * 400, round * 400 + 300);
        await link.heal();
        await kit.until("contact", soonMs(kit), () => session.state === "connected");
        await link.cut();
        await changes(writer, round * 400 + 300, round * 400 + 400);
      }
      await watched.converge(writer.session);
    },
  );

  test(
    "WATCH-4",
    "what was deleted, made or made again during a disconnection is shown after it",
    { needs: ["link"] },
    async (kit) => {
      const [writer, watcher] = await prepared(kit);
      const { session, link } = watcher;
      await writer.session.create("/w/deleted", "same");
      await writer.session.create("/w/again", "same");
      const watched = new Watched(kit, session);
      const deleted = follow(kit, session.watch("/w/deleted"));
      const again = follow(kit, session.watch("/w/again"));
      const made = follow(kit, session.watch("/w/made"));
      await watched.begin();
      for (const each of [deleted, again, made]) {
        await kit.until("the first state", soonMs(kit), () => each.values.length > 0);
      }
      await link.refuse();
      await suspended(kit, session);
      await writer.session.delete("/w/deleted");
      await writer.session.delete("/w/again");
      await writer.session.create("/w/again", "same");
      await writer.session.create("/w/made", "new");
      const { createRevision } = (await writer.session.get("/w/again")) ?? {};
      await link.heal();
      await kit.until("the deletion", soonMs(kit), () => deleted.last === undefined);
      await kit.until("the recreation", soonMs(kit), () => again.last?.createRevision === createRevision);
      await kit.until("the creation", soonMs(kit), () => text(made.last) === "new");
      await watched.converge(writer.session);
      await kit.until("the same session connected", soonMs(kit), () => session.state === "connected");
    },
  );

  test(
    "WATCH-4",
    "the parent that was deleted, and made again, during a disconnection",
    { needs: ["link"] },
    async (kit) => {
      const [writer, watcher] = await prepared(kit);
      const { session, link } = watcher;
      await writer.session.create("/w/old");
      const watched = new Watched(kit, session);
      await watched.begin();
      await link.refuse();
      await suspended(kit, session);
      await writer.session.delete("/w/old");
      await writer.session.delete("/w");
      await link.heal();
      for (const each of [watched.node, watched.names, watched.nodes] as readonly Follower<unknown>[]) {
        await kit.until("nothing there", soonMs(kit), () => each.last === undefined);
      }
      await link.refuse();
      await suspended(kit, session);
      await writer.session.create("/w");
      await writer.session.create("/w/new");
      await link.heal();
      await watched.converge(writer.session);
    },
  );

  test(
    "WATCH-4",
    "compaction during a disconnection: the state after the gap is delivered whole",
    { needs: ["link", "compact"], timeouts: 60 },
    async (kit) => {
      const [writer, watcher] = await prepared(kit);
      const { session, coordinator, link } = watcher;
      const watched = [new Watched(kit, session), new Watched(kit, coordinator)];
      const unchanged = follow(kit, session.watch("/w"));
      for (const each of watched) await each.begin();
      await kit.until("the first state", soonMs(kit), () => unchanged.values.length > 0);
      let step = await changes(writer, 0, 400);
      for (const round of range(2)) {
        await link.refuse();
        await suspended(kit, session);
        step = await changes(writer, step, 1_000 + round * 600);
        await kit.target.compact?.();
        // The last change before the compaction, and one after it, must both be shown.
        if (round === 1) await writer.session.set("/w", "after the compaction");
        await link.heal();
        await kit.until("contact", soonMs(kit), () => session.state === "connected");
        for (const each of watched) await each.converge(writer.session);
      }
      await changes(writer, step, step + 400);
      for (const each of watched) await each.converge(writer.session);
    },
  );

  test("WATCH-4", "compaction while connected goes unnoticed", { needs: ["compact"] }, async (kit) => {
    const [writer, watcher] = await prepared(kit);
    const watched = new Watched(kit, watcher.session);
    await watched.begin();
    for (const round of range(3)) {
      await changes(writer, round * 60, round * 60 + 60);
      await kit.target.compact?.();
      await watched.converge(writer.session);
    }
  });

  test(
    "WATCH-4",
    "a restart of the server",
    { needs: ["restartServer"], when: ({ durable }) => durable, timeouts: 60 },
    async (kit) => {
      const [writer, watcher] = await prepared(kit);
      // Coordinators, since the restart may take longer than the session's timeout.
      const watched = new Watched(kit, watcher.coordinator);
      await watched.begin();
      await changes(writer, 0, 100);
      await kit.target.restartServer?.();
      await kit.until("contact", soonMs(kit) + 60_000, () =>
        writer.coordinator.set("/w", "after the restart").then(
          () => true,
          () => false,
        ),
      );
      await watched.converge(writer.coordinator);
      await writer.coordinator.set("/w", "and later");
      await watched.converge(writer.coordinator);
      assert.equal(text(watched.node.last), "and later");
    },
  );

  test(
    "WATCH-4",
    "half-open connections are replaced, and the gap is closed",
    { needs: ["link", "halfOpen"], timeouts: 20 },
    async (kit) => {
      const [writer, watcher] = await prepared(kit);
      const watched = new Watched(kit, watcher.coordinator);
      await watched.begin();
      await watcher.link.halfOpen?.();
      await changes(writer, 0, 100);
      await watched.converge(writer.session);
    },
  );

  test(
    "WATCH-3",
    "through random faults and session losses, all watches converge",
    { needs: ["link"], timeouts: 60 },
    async (kit) => {
      const writer = await kit.client(steady(kit));
      await writer.session.create("/w");
      const watchers = await Promise.all(range(3).map(() => kit.client()));
      const watched = watchers.map(({ coordinator }) => new Watched(kit, coordinator));
      for (const each of watched) await each.begin();
      let writing = true;
      const write = async () => {
        for (let step = 0; writing; step += width) {
          await changes(writer, step, step + width);
          await kit.sleep(1);
        }
      };
      const written = write();
      try {
        const [cut, lost, held] = watchers;
        assert.ok(cut && lost && held);
        for (const _ of range(3)) {
          await cut.link.cut();
          await held.link.blackHole();
          await over(kit, await held.coordinator.session());
          await held.link.heal();
          await loseSession(kit, lost);
          for (const { coordinator } of watchers)
            await kit.within("a session", soonMs(kit), coordinator.session());
        }
      } finally {
        writing = false;
        await written;
      }
      for (const each of watched) await each.converge(writer.session);
    },
  );
});
