import assert from "node:assert/strict";
import { ConclaveError, type GroupView, type Member } from "@conclave/api";
import { rejects } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import { suite } from "../suite.js";
import { replayed } from "./discovery-views.js";
import { childrenAre, follow, range, soonMs, steady } from "./support.js";

export const groupPath = "/group";

/** Members as `id:data`, in their order. */
export function listed(members: readonly Member[]): string {
  return members.map(({ id, data }) => `${id}:${new TextDecoder().decode(data)}`).join(" ");
}

/** Waits until a view shows exactly these members, in this order. */
export async function showsMembers(kit: Kit, view: GroupView, expected: string): Promise<void> {
  await kit
    .until(`the view shows "${expected}"`, soonMs(kit), () => listed(view.members) === expected)
    .catch((error: Error) => {
      throw new Error(`${error.message}; it shows "${listed(view.members)}"`);
    });
}

/** The members as the store has them. */
export async function members({ coordinator }: Pick<KitClient, "coordinator">): Promise<string> {
  return listed(await coordinator.group(groupPath).members());
}

export const group = suite("group", (test) => {
  test("GRP-1", "a member joins, is updated and leaves, one entry at any time", async (kit) => {
    const [a, b] = [await kit.client(), await kit.client()];
    const view = await b.coordinator.group(groupPath).view();
    assert.equal(view.members.length, 0);
    assert.equal(await members(b), "", "of a group that nobody ever joined");
    const membership = await a.coordinator.group(groupPath).join({ id: "one", data: "1" });
    assert.equal(await members(b), "one:1", "it stands when join resolves");
    assert.equal(membership.id, "one");
    assert.equal(membership.isPresent, true);
    assert.equal(membership.sessionId, a.session.id);
    assert.equal((await a.session.get(`${groupPath}/one`))?.ephemeralOwner, a.session.id);
    await showsMembers(kit, view, "one:1");
    assert.equal(view.members[0]?.sessionId, a.session.id);
    await membership.update("2");
    assert.equal(await members(b), "one:2");
    assert.equal(new TextDecoder().decode(membership.data), "2");
    await showsMembers(kit, view, "one:2");
    await membership.leave();
    assert.equal(await members(b), "");
    assert.equal(membership.isPresent, false);
    await showsMembers(kit, view, "");
    await membership.leave();
    await rejects(membership.update("3"), "CLOSED");
  });

  test("GRP-1", "the last of many updates is the one that stays", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    const view = await b.coordinator.group(groupPath).view();
    const membership = await a.coordinator.group(groupPath).join({ id: "one" });
    await Promise.all(range(30).map((n) => membership.update(String(n))));
    assert.equal(await members(b), "one:29");
    await showsMembers(kit, view, "one:29");
    await Promise.all([membership.update("late"), membership.leave()]);
    assert.equal(await members(b), "");
    await showsMembers(kit, view, "");
  });

  test("GRP-1", "a member of the same id is replaced, and its end takes nothing away", async (kit) => {
    const [before, after, observer] = [await kit.client(), await kit.client(), await kit.client()];
    const view = await observer.coordinator.group(groupPath).view();
    const stale = await before.coordinator.group(groupPath).join({ id: "one", data: "1" });
    await after.coordinator.group(groupPath).join({ id: "one", data: "2" });
    assert.equal(await members(observer), "one:2");
    await stale.leave();
    assert.equal(await members(observer), "one:2", "who was replaced takes nothing away");
    await before.coordinator.close();
    await kit.sleep(kit.target.sessionTimeoutMs + kit.target.expiryBoundMs);
    assert.equal(await members(observer), "one:2");
    assert.equal(listed(view.members), "one:2");
    const again = await after.coordinator.group(groupPath).join({ id: "one", data: "3" });
    assert.equal(await members(observer), "one:3", "also by the same coordinator");
    await again.leave();
    assert.equal(await members(observer), "");
  });

  test("GRP-1", "data are copied: what is done to the bytes afterwards does not show", async (kit) => {
    const client = await kit.client(steady(kit));
    const bytes = new TextEncoder().encode("mine");
    const membership = await client.coordinator.group(groupPath).join({ id: "one", data: bytes });
    bytes.fill(0);
    membership.data.fill(0);
    await client.coordinator.delete(`${groupPath}/one`);
    await membership.update(membership.data);
    assert.equal(await members(client), "one:mine");
  });

  test("GRP-3", "a view yields the members now and after changes, and ends with it", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    const view = await b.coordinator.group(groupPath).view();
    const loop = follow(kit, view);
    const events = follow(kit, view.changes());
    const membership = await a.coordinator.group(groupPath).join({ id: "one", data: "1" });
    const ready = await kit.within("a member", soonMs(kit), view.waitFor(1));
    assert.equal(listed(ready), "one:1");
    await membership.update("2");
    await kit.until("the change", soonMs(kit), () => listed(loop.last ?? []) === "one:2");
    await kit.until("the event", soonMs(kit), () => {
      return listed([...replayed(events.values).values()]) === "one:2";
    });
    view.close();
    assert.equal(view.stale, true);
    for (const { ended } of [loop, events]) {
      assert.equal((await kit.within("the end", soonMs(kit), ended)).error, undefined);
    }
    const last = follow(kit, await b.coordinator.group(groupPath).view());
    await b.coordinator.close();
    const { error } = await kit.within("the end", soonMs(kit), last.ended);
    assert.ok(ConclaveError.is(error, "CLOSED"), String(error));
  });

  test("GRP-3", "a node that no session holds is no member", async (kit) => {
    const client = await kit.client(steady(kit));
    await client.coordinator.create(`${groupPath}/persistent`, "x", { parents: true });
    const view = await client.coordinator.group(groupPath).view();
    await client.coordinator.group(groupPath).join({ id: "one" });
    await showsMembers(kit, view, "one:");
    assert.equal(await members(client), "one:");
  });

  test("GRP-4", "members stand in the order in which they came, the same for all", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    const views = [await a.coordinator.group(groupPath).view(), await b.coordinator.group(groupPath).view()];
    const joined = [];
    for (const id of ["d", "a", "c", "b"]) {
      joined.push(await (id < "c" ? a : b).coordinator.group(groupPath).join({ id }));
    }
    await joined[1]?.update("changed");
    const expected = "d: a:changed c: b:";
    assert.equal(await members(a), expected, "an update keeps the place");
    for (const view of views) {
      await showsMembers(kit, view, expected);
      const revisions = view.members.map(({ createRevision }) => createRevision);
      for (const [index, revision] of revisions.entries()) {
        if (index > 0) assert.ok(revision > (revisions[index - 1] ?? 0n));
      }
    }
    await joined[0]?.leave();
    const again = await b.coordinator.group(groupPath).join({ id: "d" });
    for (const view of views) await showsMembers(kit, view, "a:changed c: b: d:");
    assert.equal(again.isPresent, true);
  });

  test("GRP-4", "members() shows every join and leave that was acknowledged before it", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client(steady(kit))];
    for (const n of range(10)) {
      const membership = await a.coordinator.group(groupPath).join({ id: `m${n}` });
      assert.equal(await members(b), `m${n}:`);
      await membership.leave();
      assert.equal(await members(b), "");
    }
  });

  test("GRP-1", "members without an id are told apart", async (kit) => {
    const { coordinator } = await kit.client(steady(kit));
    const here = coordinator.group(groupPath);
    const joined = await Promise.all(range(5).map(() => here.join()));
    assert.equal(new Set(joined.map(({ id }) => id)).size, 5);
    assert.equal((await here.members()).length, 5);
  });

  test("GRP-1", "closing the coordinator takes all its members away at once", async (kit) => {
    const [a, b] = [await kit.client(steady(kit)), await kit.client()];
    const view = await b.coordinator.group(groupPath).view();
    for (const n of range(3)) await a.coordinator.group(groupPath).join({ id: `m${n}` });
    await showsMembers(kit, view, "m0: m1: m2:");
    await a.coordinator.close();
    await childrenAre(kit, b, groupPath, 0);
    await showsMembers(kit, view, "");
  });

  test("GRP-1", "wrong arguments are refused, and nobody joins", async (kit) => {
    const client = await kit.client(steady(kit));
    const here = client.coordinator.group(groupPath);
    for (const id of ["", "a/b", ".", "..", "a\u0000", 7, null]) {
      await rejects(here.join({ id: id as string }), "INVALID_PATH");
    }
    await rejects(here.join({ data: 7 as never }), "INVALID_ARGUMENT");
    await rejects(here.join({ data: new Uint8Array(1_000_001) }), "DATA_TOO_LARGE");
    await rejects(here.join({ dat: "x" } as object), "INVALID_ARGUMENT");
    await client.coordinator.create(groupPath, "", { ephemeral: true });
    await rejects(kit.within("the refusal", soonMs(kit), here.join({ id: "one" })), "EPHEMERAL_PARENT");
    await client.coordinator.delete(groupPath);
    await kit.sleep(kit.target.sessionTimeoutMs);
    assert.equal(await members(client), "", "nothing of it is tried again");
  });
});
