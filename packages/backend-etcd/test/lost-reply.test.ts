import { expireSession } from "@conclave/backend-etcd/testing";
import { expect, onTestFinished, test } from "vitest";
import {
  bytes,
  create,
  errorOf,
  eventually,
  linearizable,
  lostReplyCases,
  nearest,
  setUp,
} from "./helpers.js";
import { startLateNetwork } from "./late-network.js";

const setting = setUp();

lostReplyCases({
  sessions: setting,
  label: undefined,
  loseReply: (path) =>
    setting.proxy.dropReply({
      request: (chunk) => chunk.includes(`${setting.namespace}${path}`),
      // HTTP/2's own small frames (settings, window updates, pings) are no reply.
      reply: (chunk) => chunk.length > 60,
    }),
  expireSession: (id) => expireSession(setting.server.url, id),
});

test("OUT-3 a first sending of enqueue that arrives after its repetition makes no second entry", async () => {
  const network = await startLateNetwork(setting.server.port);
  onTestFinished(() => network.close());
  const { session: other } = await setting.open();
  const { session } = await setting.open({ options: { hosts: network.url } });
  await session.renew(5_000);
  network.hold();
  const joining = session.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  await eventually(() => expect(network.held.includes(`${setting.namespace}/line/`)).toBe(true));
  // What a renewal sends comes after all of the request, and before its cancellation.
  const sent = network.held.length;
  const renewing = errorOf(session.renew(500));
  await eventually(() => expect(network.held.length).toBeGreaterThan(sent));
  network.lose();
  expect(await renewing).toMatchObject({ code: "CONNECTION_LOST" });
  const ticket = await joining;
  await session.leave(ticket);
  network.deliver();
  await eventually(() => expect(network.answered.includes(setting.namespace)).toBe(true));
  expect(await other.children("/line", linearizable)).toEqual([]);
  const next = await other.enqueue("/line", { label: "lock", data: bytes("") }, nearest);
  expect(next.ahead).toEqual([]);
});

test("receipts are cleared away: a session leaves one behind, whatever it does", async () => {
  const { session } = await setting.open();
  for (let i = 0; i < 20; i++) await session.commit([create("/s-", { sequential: true })], undefined);
  const body = JSON.stringify({
    key: Buffer.from(`${setting.namespace}\0`).toString("base64"),
    range_end: Buffer.from(`${setting.namespace}\x01`).toString("base64"),
    keys_only: true,
  });
  const reply = await fetch(`${setting.server.url}/v3/kv/range`, { method: "POST", body });
  const { kvs } = (await reply.json()) as { kvs: { key: string }[] };
  const keys = kvs.map(({ key }) => Buffer.from(key, "base64").toString());
  const own = keys.filter((key) => key.includes(session.id));
  expect(own).toHaveLength(2);
});
