import { redis } from "@conclave/backend-redis";
import { ask, type RedisSentinels, startRedisSentinels } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { auth, user } from "./access.js";
import { makeCertificates } from "./certificates.js";
import { bytes, create, direct, errorOf, eventually, facts, linearizable, set, text } from "./helpers.js";

/* By TLS, with certificates on both sides, as users with the permissions that are documented and no others. */
const certificates = makeCertificates();
const { tls } = certificates;
const FAILOVER_MS = 30_000;
let group: RedisSentinels;

beforeAll(async () => {
  group = await startRedisSentinels({
    appendonly: false,
    tls: certificates.files,
    config: { user: user.atServers },
    sentinelConfig: { user: user.atSentinels },
  });
}, 90_000);
afterAll(async () => {
  await group?.stop();
  certificates.remove();
});

const sentinel = () => ({ name: group.name, ...auth });

function open(options: Partial<Parameters<typeof redis>[0]> = {}, observer = facts()) {
  return redis({ hosts: group.url, sentinel: sentinel(), tls, auth, ...options }).open({
    namespace: "/secure",
    sessionTimeoutMs: 20_000,
    connectTimeoutMs: 10_000,
    signal: new AbortController().signal,
    observer,
  });
}

test("a session reads, writes and watches, and goes on at the master that takes over", {
  timeout: 60_000,
}, async () => {
  const seen = facts();
  const session = await open({}, seen);
  await session.commit([create("/a", { data: bytes("1") })], undefined);
  const states: (string | undefined)[] = [];
  session.watchNode("/a", { state: (node) => states.push(text(node)), failed() {} });
  await eventually(() => expect(states).toEqual(["1"]));
  const before = await group.master();
  await eventually(async () => expect(await direct(before.url, (client) => client.wait(1, 100))).toBe(1));
  await eventually(async () => {
    const [first] = group.sentinels;
    expect(await ask(first?.url ?? "", ["SENTINEL", "FAILOVER", group.name])).toBe("+OK");
  }, FAILOVER_MS);
  await eventually(async () => expect((await group.master()).port).not.toBe(before.port), FAILOVER_MS);
  await eventually(async () => {
    await session.renew(1_000);
    await session.commit([set("/a", "2")], undefined);
  }, FAILOVER_MS);
  await eventually(() => expect(states.at(-1)).toBe("2"));
  expect(text(await session.get("/a", linearizable))).toBe("2");
  expect(seen.ends).toEqual([]);
  await session.close();
});

test("a Sentinel that accepts connections and does not answer is passed over", async () => {
  await group.sentinels[0]?.control?.pause();
  try {
    const session = await open({ connectTimeoutMs: 3_000 });
    await session.close();
  } finally {
    await group.sentinels[0]?.control?.resume();
  }
});

test.each([
  [
    "Sentinels and servers whose certificate nobody vouches for",
    { tls: { ...tls, ca: certificates.stranger } },
  ],
  ["Sentinels and servers that demand a certificate of the client", { tls: { ca: tls.ca } }],
] as const)("no session by %s", async (_what, options) => {
  const error = await errorOf(open(options));
  expect(error).toMatchObject({ code: "CONNECT_FAILED" });
  expect(error.message).not.toMatch(/PRIVATE KEY|hunter2/);
});

test("no session by Sentinels that do not know the user", async () => {
  const wrong = { ...sentinel(), password: "hunter3" };
  const error = await errorOf(open({ sentinel: wrong }));
  expect(["CONNECT_FAILED", "ACCESS_DENIED"]).toContain(error.code);
  expect(error.message).not.toMatch(/hunter/);
});
