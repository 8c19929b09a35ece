import type { Ticket } from "@conclave/api/backend";
import { expect, test } from "vitest";
import {
  apply,
  bytes,
  create,
  del,
  linearizable,
  nearest,
  open,
  set,
  text,
  virtualCluster,
} from "./support.js";

const entry = { label: "lock", data: bytes("me") } as const;

test("a line keeps the order of creation when entries leave anywhere in it", async () => {
  const { cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const line: Ticket[] = [];
  for (let i = 0; i < 5; i++) line.push(await session.enqueue("/a/line", entry, nearest));
  const [first, second, third, fourth, fifth] = line.map((ticket) => ticket.path);
  const ahead = async () => {
    const standings = await Promise.all(line.map((ticket) => session.standing(ticket, nearest)));
    return standings.map((standing) => (standing.present ? standing.ahead[0]?.path : "gone"));
  };
  expect(line.map((ticket) => ticket.ahead[0]?.path)).toEqual([undefined, first, second, third, fourth]);
  const leave = (index: number) => line.slice(index, index + 1).map((ticket) => session.leave(ticket));
  await Promise.all(leave(2));
  expect(await ahead()).toEqual([undefined, first, "gone", second, fourth]);
  await Promise.all([...leave(0), ...leave(4)]);
  expect(await ahead()).toEqual(["gone", undefined, "gone", second, "gone"]);
  expect((await session.entries("/a/line", 1))[0]?.path).toBe(second);
  await Promise.all(leave(1));
  expect((await session.entries("/a/line", 1))[0]?.path).toBe(fourth);
  const last = await session.enqueue("/a/line", entry, nearest);
  expect(last.ahead).toEqual([{ path: fourth, label: "lock" }]);
  expect([third, fifth]).not.toContain(last.path);
});

test("other nodes under the line don't stand in it", async () => {
  const { cluster } = virtualCluster();
  const { session } = await open({ cluster });
  await apply(session, create("/line"));
  await apply(session, create("/line/note"));
  await apply(session, create("/line/present", { ephemeral: true }));
  await apply(session, create("/line/kept-", { sequential: true }));
  expect((await session.entries("/line", 1))[0]).toBeUndefined();
  expect((await session.enqueue("/line", entry, nearest)).ahead).toEqual([]);
  expect(text((await session.entries("/line", 1))[0])).toBe("me");
  expect((await session.entries("/nowhere", 1))[0]).toBeUndefined();
});

test("LEAD-2 tokens grow across deletion of the line", async () => {
  const { cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const before = await session.enqueue("/line", entry, nearest);
  await session.leave(before);
  await apply(session, del("/line"));
  const after = await session.enqueue("/line", entry, nearest);
  expect(after.createRevision).toBeGreaterThan(before.createRevision);
  expect(after.path > before.path).toBe(true);
});

test("LEAD-7 leave and standing concern exactly the ticket's entry", async () => {
  const { cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const other = await open({ cluster });
  const ticket = await session.enqueue("/line", entry, nearest);
  await other.session.leave(ticket);
  expect(await other.session.standing(ticket, nearest)).toEqual({ present: false });
  expect(await session.standing(ticket, nearest)).toEqual({ present: true, ahead: [] });
  await apply(other.session, del(ticket.path));
  await apply(other.session, create(ticket.path));
  await session.leave(ticket);
  expect(await session.standing(ticket, nearest)).toEqual({ present: false });
  await session.close();
  const node = await other.session.get(ticket.path, linearizable);
  expect(node).toMatchObject({ ephemeralOwner: undefined });
});

test("LEAD-4 a guarded write is refused once the entry is gone, recreated or another's", async () => {
  const { cluster } = virtualCluster();
  const { session } = await open({ cluster });
  const other = await open({ cluster });
  await apply(session, create("/n"));
  const guard = await session.enqueue("/line", entry, nearest);
  const refused = { code: "NOT_HELD", outcome: "not-applied", path: guard.path };
  await session.commit([set("/n", "1")], guard);
  await expect(other.session.commit([set("/n", "x")], guard)).rejects.toMatchObject(refused);
  await apply(other.session, del(guard.path));
  await expect(session.commit([set("/n", "x")], guard)).rejects.toMatchObject(refused);
  await apply(session, create(guard.path, { ephemeral: true }));
  await expect(session.commit([set("/n", "x")], guard)).rejects.toMatchObject(refused);
  expect(text(await session.get("/n", linearizable))).toBe("1");
});
