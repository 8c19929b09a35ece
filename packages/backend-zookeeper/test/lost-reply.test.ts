import { expect, test } from "vitest";
import { bytes, create, nearest, openSession, setUpProxied, text } from "./support.js";

const at = setUpProxied();

const mentions = (name: string) => (chunk: Buffer) => chunk.includes(name);

test.each([true, false])(
  "OUT-3 a sequential create whose reply is lost makes one node (ephemeral: %s)",
  async (ephemeral) => {
    const { session, disconnections } = await openSession(at.proxy.url);
    const parent = `/sequential-${ephemeral}`;
    await session.commit([create(parent)], undefined);

    const dropped = at.proxy.dropReply({ request: mentions(`${parent}/job-`) });
    const [made] = await session.commit(
      [create(`${parent}/job-`, { ephemeral, sequential: true, data: bytes("x") })],
      undefined,
    );
    await dropped;

    expect(disconnections).toHaveLength(1);
    const children = await session.childNodes(parent, { linearizable: true });
    expect(children).toHaveLength(1);
    expect(made).toMatchObject({ path: children?.[0]?.node.path, sequence: children?.[0]?.sequence });
    expect(text(children?.[0]?.node.data)).toBe("x");
    expect(children?.[0]?.node.ephemeralOwner).toBe(ephemeral ? session.id : undefined);
  },
);

test("OUT-3 an ephemeral create whose reply is lost succeeds, and is seen as existing by the next one", async () => {
  const { session } = await openSession(at.proxy.url);
  const dropped = at.proxy.dropReply({ request: mentions("/plain") });
  await session.commit([create("/plain", { ephemeral: true })], undefined);
  await dropped;
  expect((await session.get("/plain", { linearizable: true }))?.ephemeralOwner).toBe(session.id);

  const droppedAgain = at.proxy.dropReply({ request: mentions("/plain") });
  await expect(session.commit([create("/plain", { ephemeral: true })], undefined)).rejects.toMatchObject({
    code: "NODE_EXISTS",
    outcome: "not-applied",
  });
  await droppedAgain;
});

test("OUT-3 an ephemeral create that never reached the server is made on the next connection", async () => {
  const { session, disconnections } = await openSession(at.proxy.url);
  await session.renew(1_500);
  at.proxy.blackHole("toServer");
  const pending = session.commit([create("/late", { ephemeral: true, parents: true })], undefined);
  const failed = session.renew(100).catch((error: unknown) => error);
  expect(await failed).toMatchObject({ code: "CONNECTION_LOST" });
  at.proxy.heal();
  await pending;
  expect(disconnections.length).toBeGreaterThan(0);
  expect((await session.get("/late", { linearizable: true }))?.ephemeralOwner).toBe(session.id);
});

test("OUT-3 joining a line with the reply lost leaves one entry, and the ticket names it", async () => {
  const { session } = await openSession(at.proxy.url);
  const first = await session.enqueue("/line", { label: "lock", data: bytes("1") }, nearest);
  const dropped = at.proxy.dropReply({ request: mentions("-lock-") });
  const ticket = await session.enqueue("/line", { label: "lock", data: bytes("2") }, nearest);
  await dropped;

  expect(ticket.ahead).toEqual([{ path: first.path, label: "lock" }]);
  const entries = await session.childNodes("/line", { linearizable: true });
  expect(entries?.map(({ node }) => node.path).sort()).toEqual([first.path, ticket.path].sort());
  expect(entries?.find(({ node }) => node.path === ticket.path)?.node.createRevision).toBe(
    ticket.createRevision,
  );
});

test("OUT-1 the lost reply to a persistent create or a set is an unknown outcome", async () => {
  const { session } = await openSession(at.proxy.url);
  const dropped = at.proxy.dropReply({ request: mentions("/persistent") });
  await expect(session.commit([create("/persistent")], undefined)).rejects.toMatchObject({
    code: "CONNECTION_LOST",
    outcome: "unknown",
  });
  await dropped;
  await session.renew(1_000);
  expect(await session.get("/persistent", { linearizable: true })).toBeDefined();
});

test("OUT-3 when the session is lost before the reply is resolved, the outcome is unknown", async () => {
  const { session, ends } = await openSession(at.proxy.url);
  await session.renew(1_500);
  at.proxy.blackHole();
  const pending = session.enqueue("/lost", { label: "latch", data: bytes("") }, nearest);
  await expect(session.renew(100)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  session.abandon();
  await expect(pending).rejects.toMatchObject({ code: "SESSION_LOST", outcome: "unknown" });
  expect(ends).toEqual([]);
});
