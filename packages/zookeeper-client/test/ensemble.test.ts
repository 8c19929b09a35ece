import { startProxy, startZooKeeperEnsemble, type ZooKeeperEnsemble } from "@conclave/test-servers";
import {
  type Client,
  type ClientState,
  ConnectionError,
  openConnection,
  type StreamEvent,
} from "@conclave/zookeeper-client";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { bytes, nothing, openClient } from "./support.js";

/* One session over three servers, of which one leads. */

type Member = ZooKeeperEnsemble["members"][number];

const WITHIN_MS = 30_000;
const timeout = 4 * WITHIN_MS;
const sessionTimeoutMs = 15_000;

let ensemble: ZooKeeperEnsemble;
beforeAll(async () => {
  ensemble = await startZooKeeperEnsemble({ links: true, maxSessionTimeoutMs: 60_000 });
}, 90_000);
afterAll(() => ensemble?.stop());

async function servedBy(client: Client): Promise<Member | undefined> {
  return ensemble.serving(client.sessionId.toString(16));
}

/** A client that a certain member serves first: each begins with any of them. */
async function openAt(member: Member) {
  for (;;) {
    const states: ClientState[] = [];
    const client = await openClient(ensemble.url, {
      sessionTimeoutMs,
      stateChanged: (state) => states.push(state),
    });
    if ((await servedBy(client)) === member) return { client, states };
    await client.close();
  }
}

async function aFollower(): Promise<Member> {
  const [follower] = await ensemble.followers();
  if (follower === undefined) throw new Error("no follower");
  return follower;
}

test.each(["follower", "leader"] as const)(
  "the %s that serves a session is killed: the session goes on at another, watches report what they missed, calls say what is known",
  { timeout },
  async (role) => {
    const victim = role === "leader" ? await ensemble.leader() : await aFollower();
    const [survivor] = ensemble.members.filter((member) => member !== victim);
    if (survivor === undefined) throw new Error("no survivor");
    const { client, states } = await openAt(victim);
    const other = await openClient(survivor.url, { sessionTimeoutMs });
    const at = `/${role}`;
    const id = client.sessionId;
    await client.create(at, bytes("before"));
    await client.create(`${at}/mine`, nothing, { ephemeral: true });
    const fired: string[] = [];
    await client.getData(at, { watch: ({ type }) => fired.push(type) });
    const stream = await client.watch(at, { recursive: true });
    const reported: StreamEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) reported.push(event);
    })();

    const calls = Array.from({ length: 50 }, (_, i) => client.create(`${at}/${i}`, nothing));
    const outcomes = Promise.allSettled(calls);
    await victim.control?.kill();
    onTestFinished(() => victim.control?.restart(), WITHIN_MS);
    await vi.waitUntil(() => other.state === "connected", { timeout: WITHIN_MS });
    await vi.waitFor(() => other.setData(at, bytes("meanwhile")), { timeout: WITHIN_MS });

    await vi.waitUntil(() => fired.length > 0, { timeout: WITHIN_MS });
    expect(fired).toEqual(["changed"]);
    await vi.waitUntil(() => reported.some(({ type }) => type === "gap"), { timeout: WITHIN_MS });
    await vi.waitUntil(() => client.state === "connected", { timeout: WITHIN_MS });
    expect(client.sessionId).toBe(id);
    expect((await client.getData(at)).data.toString()).toBe("meanwhile");
    expect((await other.exists(`${at}/mine`))?.ephemeralOwner).toBe(id);
    expect(new Set(states)).toEqual(new Set(["connected", "suspended"]));
    expect(await servedBy(client)).not.toBe(victim);
    await stream.return();
    await reading;
    await client.sync(at);
    const { children } = await client.getChildren(at);
    for (const [i, outcome] of (await outcomes).entries()) {
      if (outcome.status === "fulfilled") expect(children).toContain(String(i));
      else if (ConnectionError.is(outcome.reason)) {
        expect(["unknown", "not-sent"]).toContain(outcome.reason.outcome);
        if (outcome.reason.outcome === "not-sent") expect(children).not.toContain(String(i));
      } else throw outcome.reason;
    }
  },
);

test("a member that has not seen what the session has refuses it, and the session goes on at another", {
  timeout,
}, async () => {
  const leader = await ensemble.leader();
  const [behind, other] = await ensemble.followers();
  if (behind === undefined || other === undefined) throw new Error("no followers");
  const [toLeader, toBehind, toOther] = await Promise.all(
    [leader, behind, other].map(async (target) => {
      const proxy = await startProxy({ target });
      onTestFinished(() => proxy.close());
      return proxy;
    }),
  );
  if (toLeader === undefined || toBehind === undefined || toOther === undefined)
    throw new Error("no proxies");
  await Promise.all([toLeader.refuse(), toBehind.refuse()]);
  const servers = [toLeader, toBehind, toOther].map(({ url }) => url).join(",");
  const client = await openClient(servers, { sessionTimeoutMs });
  await client.create("/behind", bytes("older"));
  ensemble.cutOff(behind);
  try {
    const { mzxid } = await client.setData("/behind", bytes("newer"));
    // At once: one that may serve it would have to ask the leader first, and gets no answer.
    const attempt = openConnection({
      host: behind.host,
      port: behind.port,
      lastZxid: mzxid,
      timeoutMs: 1_000,
    });
    await expect(attempt).rejects.toMatchObject({
      code: "CONNECT_FAILED",
      message: expect.stringMatching(/closed the connection without an answer to the handshake/),
    });
    await toBehind.accept();
    await toOther.refuse();
    await vi.waitUntil(() => toBehind.accepted >= 2, { timeout: WITHIN_MS });
    expect(client.state).toBe("suspended");
    await toLeader.accept();
    await vi.waitUntil(() => client.state === "connected", { timeout: WITHIN_MS });
    expect((await client.getData("/behind")).data.toString()).toBe("newer");
    expect(await servedBy(client)).toBe(leader);
  } finally {
    ensemble.heal();
  }
});
