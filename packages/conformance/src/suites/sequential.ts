import assert from "node:assert/strict";
import type { Created } from "@conclave/api";
import { rejects } from "../expect.js";
import { suite } from "../suite.js";
import { range, steady, text } from "./support.js";

function bySequence(
  a: { readonly sequence: bigint | undefined },
  b: { readonly sequence: bigint | undefined },
): number {
  return Number((a.sequence ?? 0n) - (b.sequence ?? 0n));
}

export const sequential = suite("sequential nodes", (test) => {
  test("NODE-7", "names begin as asked and are unique, sequences grow, listings tell both", async (kit) => {
    const { session } = await kit.client();
    await session.create("/q");
    const made: Created[] = [];
    // The beginning may be empty or end in digits, and all beginnings under one parent share one order.
    for (const start of ["task-", "", "a1", "2024", "task-", "0000000000", ""]) {
      for (const ephemeral of [false, true]) {
        const created = await session.create(`/q/${start}`, start, { sequential: true, ephemeral });
        assert.ok(
          created.path.startsWith(`/q/${start}`) && created.path.length > `/q/${start}`.length,
          created.path,
        );
        const node = await session.get(created.path);
        assert.equal(text(node), start);
        assert.equal(node?.ephemeralOwner, ephemeral ? session.id : undefined);
        made.push(created);
      }
    }
    assert.equal(new Set(made.map(({ path }) => path)).size, made.length);
    assert.deepEqual([...made].sort(bySequence), made, "sequences grow");
    assert.equal(new Set(made.map(({ sequence }) => sequence)).size, made.length);
    for (const listed of [await session.children("/q"), await session.childNodes("/q")]) {
      const found = listed.map(({ name, sequence }) => ({ path: `/q/${name}`, sequence }));
      assert.deepEqual(found.sort(bySequence), made);
    }
  });

  test(
    "NODE-7",
    "a plain node has no sequence, and a sequential one is an ordinary node otherwise",
    async (kit) => {
      const { session } = await kit.client();
      const plain = await session.create("/plain");
      assert.equal(plain.sequence, undefined);
      const { path } = await session.create("/s-", "", { sequential: true });
      const listed = await session.children("/");
      assert.deepEqual(listed.map(({ name, sequence }) => [name === "plain", typeof sequence]).sort(), [
        [false, "bigint"],
        [true, "undefined"],
      ]);
      await rejects(session.create(path), "NODE_EXISTS");
      await session.set(path, "x", { ifVersion: 0 });
      await session.create(`${path}/child`);
      await rejects(session.delete(path), "NOT_EMPTY");
      await session.delete(`${path}/child`);
      await session.delete(path, { ifVersion: 1 });
    },
  );

  test("NODE-7", "a sequence is never given twice, although the newest node was deleted", async (kit) => {
    const { session } = await kit.client();
    await session.create("/q");
    let last: bigint | undefined;
    const paths = new Set<string>();
    for (const round of range(5)) {
      const { path, sequence } = await session.create("/q/s-", String(round), { sequential: true });
      assert.ok(
        sequence !== undefined && (last === undefined || sequence > last),
        `${sequence} after ${last}`,
      );
      last = sequence;
      paths.add(path);
      await session.delete(path);
    }
    assert.equal(paths.size, 5);
  });

  test(
    "NODE-7",
    "concurrent creators get unique names, in the order in which creations took effect",
    async (kit) => {
      const clients = await Promise.all(range(4).map(() => kit.client(steady(kit))));
      await clients[0]?.session.create("/q");
      const made: { readonly startedAt: number; readonly endedAt: number; readonly created: Created }[] = [];
      let moment = 0;
      const creator = async (client: number, lane: number) => {
        for (const round of range(12)) {
          const startedAt = ++moment;
          const created = await clients[client]?.session.create(`/q/${lane}-`, `${client}-${round}`, {
            sequential: true,
          });
          assert.ok(created);
          made.push({ startedAt, endedAt: ++moment, created });
        }
      };
      await Promise.all(clients.flatMap((_, client) => range(4).map((lane) => creator(client, lane))));
      assert.equal(new Set(made.map(({ created }) => created.path)).size, made.length);
      assert.equal(new Set(made.map(({ created }) => created.sequence)).size, made.length);
      for (const a of made) {
        for (const b of made) {
          if (a.endedAt > b.startedAt) continue;
          assert.ok(
            bySequence(a.created, b.created) < 0,
            `${b.created.path} began after ${a.created.path} was there`,
          );
        }
      }
      const listed = await clients[0]?.session.childNodes("/q", { linearizable: true });
      const byRevision = [...(listed ?? [])].sort((a, b) =>
        Number(a.node.createRevision - b.node.createRevision),
      );
      assert.equal(byRevision.length, made.length);
      assert.deepEqual([...byRevision].sort(bySequence), byRevision, "sequences go as create revisions do");
    },
  );

  test(
    "NODE-7",
    "1,000 creates by 50 concurrent clients cost at most 1,100 requests",
    { needs: ["requests"], timeouts: 60, alone: true },
    async (kit) => {
      const clients = await Promise.all(range(50).map(() => kit.client(steady(kit))));
      await clients[0]?.session.create("/q");
      const requests = () => clients.reduce((sum, { link }) => sum + (link.requests?.() ?? 0), 0);
      const before = requests();
      const made = await Promise.all(
        clients.flatMap(({ session }) =>
          range(20).map(() => session.create("/q/s-", "", { sequential: true })),
        ),
      );
      const cost = requests() - before;
      assert.equal(new Set(made.map(({ sequence }) => sequence)).size, 1_000);
      assert.ok(cost >= 1_000, `${cost} requests for 1,000 creates: they are not counted`);
      assert.ok(cost <= 1_100, `${cost} requests for 1,000 creates`);
    },
  );
});
