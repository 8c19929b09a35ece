import { type Coordinator, connect, type Leadership, type Session } from "@conclave/api";
import { etcd } from "@conclave/backend-etcd";
import { type EtcdCluster, startEtcdCluster, startProxy } from "@conclave/test-servers";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { eventually as soon } from "./helpers.js";

/* Three members, of which one leads, and what becomes of clients when some of them fail. */

type Member = EtcdCluster["members"][number];

const WITHIN_MS = 30_000;
const timeout = 4 * WITHIN_MS;
/** Longer than an election and the reconnection after it: what is lost within it was lost by a mistake. */
const LONG_SESSION_MS = 15_000;

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await startEtcdCluster();
}, 90_000);
afterAll(() => cluster?.stop());

const eventually = (condition: () => unknown) => soon(condition, WITHIN_MS);

interface Opened {
  readonly coordinator: Coordinator;
  readonly session: Session;
  readonly states: readonly string[];
  /** Those that it has connections to; one that is stopped does not end them. */
  members(): readonly Member[];
}

/** A coordinator that reaches each member through a proxy of its own; with `at`, that member first. */
async function open(namespace: string, sessionTimeoutMs: number, at?: Member): Promise<Opened> {
  const proxies = await Promise.all(cluster.members.map((target) => startProxy({ target })));
  for (const proxy of proxies) onTestFinished(() => proxy.close());
  const isOther = (index: number) => at !== undefined && cluster.members[index] !== at;
  await Promise.all(proxies.map((proxy, index) => (isOther(index) ? proxy.refuse() : undefined)));
  const coordinator = await connect(etcd({ hosts: proxies.map(({ url }) => url) }), {
    namespace,
    sessionTimeoutMs,
    connectTimeoutMs: WITHIN_MS,
  });
  onTestFinished(() => coordinator.close());
  await Promise.all(proxies.map((proxy) => proxy.accept()));
  const session = await coordinator.session();
  return {
    coordinator,
    session,
    states: statesOf(session),
    members: () => cluster.members.filter((_, index) => (proxies[index]?.connections ?? 0) > 0),
  };
}

function statesOf(session: Session): readonly string[] {
  const states: string[] = [];
  void (async () => {
    for await (const state of session.states()) states.push(state);
  })();
  return states;
}

/** The values of a node, as they come. */
function valuesOf(coordinator: Coordinator, path: string): readonly string[] {
  const values: string[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  void (async () => {
    for await (const node of coordinator.watch(path, { signal: stop.signal })) {
      values.push(node === undefined ? "none" : new TextDecoder().decode(node.data));
    }
  })();
  return values;
}

function controlOf({ control }: Member) {
  if (control === undefined) throw new Error("the member is not ours to control");
  return control;
}

/** Kills a member. Returns how to bring it back, which happens at the end of the test at the latest. */
async function kill(member: Member): Promise<() => Promise<void>> {
  let back: Promise<void> | undefined;
  const bringBack = () => {
    back ??= controlOf(member).restart();
    return back;
  };
  onTestFinished(bringBack, 2 * WITHIN_MS);
  await controlOf(member).kill();
  return bringBack;
}

async function followerOf(leader: Member): Promise<Member> {
  const follower = cluster.members.find((member) => member !== leader);
  if (follower === undefined) throw new Error("no follower");
  return follower;
}

async function expectGoesOn({ coordinator, session, states }: Opened): Promise<void> {
  await eventually(() => expect(session.state).toBe("connected"));
  expect((await coordinator.session()).id).toBe(session.id);
  expect(new Set(states)).toEqual(new Set(["connected", "suspended"]));
}

test.each(["killed", "stopped"] as const)(
  "SES-7 the member of a session is %s: the session goes on at another, with its nodes and watches",
  { timeout },
  async (how) => {
    const leader = await cluster.leader();
    const victim = await followerOf(leader);
    const a = await open(`/member-${how}`, 6_000, victim);
    const b = await open(`/member-${how}`, LONG_SESSION_MS, leader);
    await a.coordinator.create("/mine", "", { ephemeral: true });
    await a.coordinator.create("/seen", "before");
    const seen = valuesOf(a.coordinator, "/seen");
    const mine = valuesOf(b.coordinator, "/mine");
    await eventually(() => expect([seen, mine]).toEqual([["before"], [""]]));
    if (how === "killed") await kill(victim);
    else {
      const { pause, resume } = controlOf(victim);
      onTestFinished(resume);
      await pause();
    }
    await b.coordinator.set("/seen", "meanwhile");
    await eventually(() => expect(seen.at(-1)).toBe("meanwhile"));
    await expectGoesOn(a);
    await b.coordinator.set("/seen", "after");
    await eventually(() => expect(seen.at(-1)).toBe("after"));
    expect((await b.coordinator.get("/mine"))?.ephemeralOwner).toBe(a.session.id);
    expect(mine).toEqual([""]);
    // Nor is anything left of the attempts at those that refused it at first.
    expect(a.members().filter((member) => member !== victim)).toHaveLength(1);
  },
);

test("OUT-1 the leader is killed: calls are answered or say what is known of them, sessions and holds go on", {
  timeout,
}, async () => {
  const leader = await cluster.leader();
  const a = await open("/leader", LONG_SESSION_MS, leader);
  const b = await open("/leader", LONG_SESSION_MS, await followerOf(leader));
  const leadership = await b.coordinator.election("/e").campaign();
  const candidate = a.coordinator.election("/e").campaign({ signal: AbortSignal.timeout(WITHIN_MS) });
  candidate.catch(() => {});
  await a.coordinator.create("/w", "");
  const calls: Promise<string>[] = [];
  const write = ({ coordinator }: Opened) =>
    coordinator.create(`/w/${calls.length}`, "").then(
      () => "done",
      (error) => `${error.code} ${error.outcome}`,
    );
  const stop = new AbortController();
  const writing = (async () => {
    while (!stop.signal.aborted) {
      for (const client of [a, b, a, b]) calls.push(write(client));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  await eventually(() => expect(calls.length).toBeGreaterThan(100));
  await kill(leader);
  await eventually(() => expect(a.states[1]).toBe("suspended"));
  stop.abort();
  await writing;
  await cluster.leader();
  await expectGoesOn(a);
  const before = calls.length;
  for (const client of [a, b]) calls.push(write(client));

  const outcomes = await Promise.all(calls);
  const made = new Set((await a.coordinator.children("/w")).map(({ name }) => Number(name)));
  for (const [i, outcome] of outcomes.entries()) {
    expect(["done", "CONNECTION_LOST unknown", "CONNECTION_LOST not-applied"]).toContain(outcome);
    if (outcome === "done") expect(made).toContain(i);
    if (outcome.endsWith("not-applied")) expect(made).not.toContain(i);
  }
  expect(outcomes.slice(before)).toEqual(["done", "done"]);
  expect((await b.coordinator.session()).id).toBe(b.session.id);
  expect(leadership.isHeld).toBe(true);
  expect((await a.coordinator.election("/e").leader())?.token).toBe(leadership.token);
  await leadership.set("/w", "by the leader");
  await leadership.resign();
  expect((await candidate).token).toBeGreaterThan(leadership.token);
});

test("SES-3, DISC-2 the quorum is lost: calls reject, sessions are lost by their deadline; once it is back all that spans sessions goes on", {
  timeout,
}, async () => {
  const sessionTimeoutMs = 2_000;
  const a = await open("/quorum", sessionTimeoutMs);
  const b = await open("/quorum", sessionTimeoutMs);
  const { coordinator, session } = a;
  await coordinator.create("/n", "");
  const registration = await coordinator
    .discovery("/services")
    .register({ name: "web", address: "10.0.0.7", port: 8080 });
  const view = await b.coordinator.discovery("/services").view("web");
  await view.waitFor(1);
  const leaderships: Leadership[] = [];
  const retire = new AbortController();
  const leading = coordinator.election("/e").lead(
    (leadership) => {
      leaderships.push(leadership);
      return new Promise<void>((resolve) => leadership.signal.addEventListener("abort", () => resolve()));
    },
    { signal: retire.signal },
  );
  leading.catch(() => {});
  await eventually(() => expect(leaderships).toHaveLength(1));

  const leader = await cluster.leader();
  const bringBack = await Promise.all([kill(await followerOf(leader)), kill(leader)]);
  const killedAtMs = performance.now();
  const calls = [
    session.get("/n"),
    session.set("/n", "in vain"),
    session.create("/n/m", "", { ephemeral: true }),
  ];
  const settled = Promise.allSettled(calls);
  while (performance.now() < killedAtMs + session.timeoutMs)
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(session.state).toBe("lost");
  for (const outcome of await settled) {
    expect(outcome.status).toBe("rejected");
    if (outcome.status === "rejected") expect(outcome.reason.code).toMatch(/^(SESSION|CONNECTION)_LOST$/);
  }
  expect(new Set(a.states)).toEqual(new Set(["connected", "suspended", "lost"]));
  expect(leaderships[0]?.isHeld).toBe(false);
  expect(view.stale).toBe(true);
  expect(view.instances).toHaveLength(1);
  const aborted = coordinator.get("/n", { signal: AbortSignal.timeout(50) });
  await expect(aborted).rejects.toMatchObject({ code: "ABORTED" });

  await Promise.all(bringBack.map((back) => back()));
  const next = await coordinator.session({ timeoutMs: WITHIN_MS });
  expect(next.id).not.toBe(session.id);
  await eventually(() => expect(registration.sessionId).toBe(next.id));
  await view.waitFor(1, { timeoutMs: WITHIN_MS });
  await eventually(() => expect(leaderships).toHaveLength(2));
  expect(leaderships[1]?.token).toBeGreaterThan(leaderships[0]?.token ?? 0n);
  await eventually(async () => {
    expect(await b.coordinator.children("/services/web")).toHaveLength(1);
  });
  expect(view.instances).toHaveLength(1);
  retire.abort();
  await expect(leading).rejects.toMatchObject({ code: "ABORTED" });
});
