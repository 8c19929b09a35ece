import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { rejects, text } from "./expect.js";
import { Kit } from "./kit.js";
import { limited } from "./limited.js";
import { recordStates } from "./record.js";
import type { Need } from "./suite.js";
import { steady } from "./suites/support.js";
import type { ConformanceTarget } from "./target.js";

type Proof = (kit: Kit) => Promise<void>;

/**
 * Before anything else: the target has what it offers, its clients share a store and nothing else, and each fault bites.
 * A fault that does nothing would let every case pass that is about surviving it.
 */
export async function provesItself(target: ConformanceTarget, offers: readonly Need[]): Promise<void> {
  await proven("its factory", target, clientsAreIsolated);
  const has = await needsOf(target);
  for (const need of offers) ok(has[need], `the target offers ${need} and does not have it`);
  for (const [need, present] of Object.entries(has)) {
    ok(!present || offers.includes(need as Need), `the target has ${need} and does not offer it`);
  }
  for (const need of offers) await proven(need, target, proofs[need]);
}

/** What one proof may take, beside its session timeouts. */
const allowanceMs = 8_000;
const cleanUpMs = 20_000;

async function proven(what: keyof typeof hints, target: ConformanceTarget, proof: Proof): Promise<void> {
  const kit = new Kit(target);
  const limitMs = allowanceMs + 10 * target.sessionTimeoutMs;
  try {
    await limited(limitMs, proof(kit), () => `it did not end within ${limitMs} ms`);
    await limited(cleanUpMs, kit.cleanUp(), () => `${kit.cleaning} did not end within ${cleanUpMs} ms`);
  } catch (error) {
    // What is left is of no interest any more, and must not hide the first failure.
    await limited(cleanUpMs, kit.cleanUp(), () => "").catch(() => {});
    const why = error instanceof Error ? error.message : String(error);
    const says = `the target "${target.name}" is not what it says: ${what}: ${why}`;
    throw new Error(`${says}\nNeeded is: ${hints[what]}.`, { cause: error });
  }
}

/** What the proofs ask for. When the fault is as it should be, it is the backend that does not bear it. */
const hints = {
  "its factory":
    "each client has a connection and sessions of its own, all reach one store, what one writes another reads, and closing one leaves the others",
  link: '`cut`, `refuse` and `blackHole` hit this client alone; the backend reports `disconnected`, reconnects with the same session, and says CONNECTION_LOST with outcome "unknown" of a write whose reply was dropped, and does not send it again',
  halfOpen:
    "the server's side of the present connections is gone, nobody tells the client, and nothing comes back on them",
  requests: "each request counts once; renewals, and beginning and ending watches, do not count",
  notifications:
    "each message that reports changes to watches counts once; the backend's watch reports a change after its first state",
  process:
    "the program calls `serveProcess`; SIGSTOP, SIGCONT and SIGKILL do the rest; the store lets the ephemeral nodes of a killed program go within the effective timeout and `expiryBoundMs`",
  exit: "`exit` resolves when the program has ended by itself, and a program whose coordinator is open does not",
  expireSession:
    "the store ends this session, and the backend learns of it at the next renewal at the latest, from SESSION_LOST or `ended`",
  restartServer: "all connections break, and the server answers again, with its data, when it resolves",
  compact: "it does not reject",
  writeForeign: "the value is what is left of the data, one key directly below the node",
} as const;

async function needsOf(target: ConformanceTarget): Promise<Record<Need, boolean>> {
  const client = await target.client();
  const process = await target.process?.("/conformance-self-proof");
  const { link } = client;
  const has = {
    link: link !== undefined,
    halfOpen: link?.halfOpen !== undefined,
    requests: link?.requests !== undefined,
    notifications: link?.notifications !== undefined,
    process: process !== undefined,
    exit: process?.exit !== undefined,
    expireSession: target.expireSession !== undefined,
    restartServer: target.restartServer !== undefined,
    compact: target.compact !== undefined,
    writeForeign: target.writeForeign !== undefined,
  };
  await process?.kill();
  await client.close();
  return has;
}

async function clientsAreIsolated(kit: Kit): Promise<void> {
  const [writer, reader] = [await kit.client(), await kit.client()];
  ok(writer.session.id !== reader.session.id, "two clients share one session");
  await writer.coordinator.create("/seen", "here");
  ok(await reader.coordinator.exists("/seen", { linearizable: true }), "two clients share no store");
  const elsewhere = await kit.client({ namespace: `${kit.namespace}-other` });
  ok(!(await elsewhere.coordinator.exists("/seen", { linearizable: true })), "two namespaces share a node");
  await writer.coordinator.close();
  strictEqual(reader.session.signal.aborted, false, "closing one client disturbed another");
  await reader.coordinator.set("/seen", "still");
}

const proofs: Readonly<Record<Need, Proof>> = {
  link: async (kit) => {
    const bystander = await kit.client(steady(kit));
    const undisturbed = recordStates(bystander.session);
    for (const fault of ["cut", "refuse", "blackHole"] as const) await interrupts(kit, fault);
    await dropsOneReply(kit);
    await holdsReplies(kit);
    deepStrictEqual(undisturbed, ["connected"], "a fault of one link reached another");
  },
  halfOpen: async (kit) => {
    const { session, link } = await kit.client();
    await link.halfOpen?.();
    await unanswered(kit, session.get("/"));
  },
  requests: async (kit) => {
    const { coordinator, link } = await kit.client();
    // A backend may read for itself when a session begins.
    await kit.sleep(kit.target.sessionTimeoutMs / 4);
    const before = link.requests?.() ?? 0;
    await coordinator.get("/");
    await coordinator.get("/");
    deepStrictEqual((link.requests?.() ?? 0) - before, 2, "two reads were counted as");
  },
  notifications: async (kit) => {
    const [watcher, writer] = [await kit.client(), await kit.client()];
    await writer.coordinator.create("/watched");
    const states = watcher.session.watch("/watched")[Symbol.asyncIterator]();
    await states.next();
    const before = watcher.link.notifications?.() ?? 0;
    await writer.coordinator.set("/watched", "changed");
    await states.next();
    deepStrictEqual((watcher.link.notifications?.() ?? 0) - before, 1, "one notification was counted as");
    deepStrictEqual(
      writer.link.notifications?.() ?? 0,
      0,
      "notifications of one link were counted on another",
    );
    await states.return?.();
  },
  process: async (kit) => {
    const observer = await kit.client();
    const process = await kit.process();
    await process.run({ type: "create", path: "/ephemeral", data: "", ephemeral: true });
    ok(
      await observer.coordinator.exists("/ephemeral", { linearizable: true }),
      "the process works elsewhere",
    );
    await process.pause();
    const answer = process.run({ type: "state" });
    await unanswered(kit, answer);
    await process.resume();
    await answer;
    await process.kill();
    const limitMs = observer.session.timeoutMs + kit.target.expiryBoundMs;
    await kit.until("its ephemeral node gone", 2 * limitMs, async () => {
      return !(await observer.coordinator.exists("/ephemeral", { linearizable: true }));
    });
  },
  exit: async (kit) => {
    const process = await kit.process();
    let ended = false;
    const exit = process.exit?.().then(() => {
      ended = true;
    });
    await kit.sleep(kit.target.sessionTimeoutMs / 10);
    ok(!ended, "a process with an open coordinator ended by itself");
    await process.kill();
    await exit;
  },
  expireSession: async (kit) => {
    const victim = await kit.client();
    const bystander = await kit.client();
    await kit.expire(victim);
    await kit.until("the session lost", 2 * victim.session.timeoutMs, () => victim.session.state === "lost");
    strictEqual(bystander.session.signal.aborted, false, "another session was expired too");
  },
  restartServer: async (kit) => {
    const { session } = await kit.client({ sessionTimeoutMs: 20 * kit.target.sessionTimeoutMs });
    const states = recordStates(session);
    await kit.target.restartServer?.();
    await kit.until("the session suspended", session.timeoutMs, () => states.includes("suspended"));
  },
  compact: async (kit) => {
    await kit.target.compact?.();
  },
  writeForeign: async (kit) => {
    const { coordinator } = await kit.client();
    await coordinator.create("/mixed");
    await kit.target.writeForeign?.(kit.namespace, "/mixed", new TextEncoder().encode("theirs"));
    const nodes = await coordinator.childNodes("/mixed", { linearizable: true });
    deepStrictEqual(
      nodes.map(({ node }) => text(node.data)),
      ["theirs"],
      "the foreign key is not below the node",
    );
  },
};

/** The session is suspended by the fault, and there is contact again once it is over. */
async function interrupts(kit: Kit, fault: "cut" | "refuse" | "blackHole"): Promise<void> {
  const { coordinator, session, link } = await kit.client();
  const states = recordStates(session);
  const { timeoutMs } = session;
  await kit.until("connected", timeoutMs, () => states.length === 1);
  await link[fault]();
  if (fault === "blackHole") await unanswered(kit, session.get("/"));
  await kit.until(`suspended by ${fault}`, timeoutMs, () => states.includes("suspended"));
  if (fault === "refuse") await unanswered(kit, session.get("/"));
  await link.heal();
  await kit.within(`contact again after ${fault}`, 3 * timeoutMs, coordinator.get("/"));
}

async function dropsOneReply(kit: Kit): Promise<void> {
  const [victim, observer] = [await kit.client(), await kit.client()];
  await observer.coordinator.create("/target", "before");
  await victim.link.dropNextReply();
  await rejects(victim.session.set("/target", "after"), "CONNECTION_LOST", "unknown");
  const node = await observer.coordinator.get("/target", { linearizable: true });
  deepStrictEqual(node?.version, 1, "the request whose reply was dropped was applied so often");
  await victim.session.set("/target", "and on");
}

/** What is sent arrives, and what comes back does not. */
async function holdsReplies(kit: Kit): Promise<void> {
  const [victim, observer] = [await kit.client(), await kit.client()];
  await observer.coordinator.create("/one-way", "before");
  await victim.link.blackHole("replies");
  const set = victim.session.set("/one-way", "after");
  await unanswered(kit, set);
  const node = await observer.coordinator.get("/one-way", { linearizable: true });
  deepStrictEqual(node?.version, 1, "the request did not reach the store");
  await victim.link.heal();
}

/** Nothing comes back for a while in which a healthy link answers many times. */
async function unanswered(kit: Kit, answer: Promise<unknown>): Promise<void> {
  let answered = false;
  const note = () => {
    answered = true;
  };
  answer.then(note, note);
  await kit.sleep(kit.target.sessionTimeoutMs / 10);
  ok(!answered, "the fault let an answer through");
}
