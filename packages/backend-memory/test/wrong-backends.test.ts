import { type Backend, type BackendSession, ConclaveError, type StopWatch } from "@conclave/api/backend";
import { allSuites, type ConformanceTarget, Kit } from "@conclave/conformance";
import { expect, test } from "vitest";
import { memoryTarget } from "./memory-target.js";

/* Mistakes that an author of a backend makes: the suite has to see each, by the case that is about it. */

interface Mistake {
  /** How the case's title begins. */
  readonly seenBy: string;
  readonly session?: (session: BackendSession, backend: Backend) => Partial<BackendSession>;
  readonly open?: (backend: Backend) => Backend["open"];
}

const mistakes: Readonly<Record<string, Mistake>> = {
  "reads that lag behind the session's own writes": {
    seenBy: "a session reads its own writes",
    session: (session) => {
      const before = new Map<string, ReturnType<BackendSession["get"]>>();
      return {
        get(path, options) {
          const last = before.get(path);
          before.set(path, session.get(path, options));
          return last ?? session.get(path, options);
        },
      };
    },
  },
  "revisions that go back": {
    seenBy: "they grow across deletion and recreation",
    session: (session) => ({
      async get(path, options) {
        const node = await session.get(path, options);
        return node && { ...node, createRevision: 1_000_000n - node.createRevision };
      },
    }),
  },
  "reports of a watch that overtake others": {
    seenBy: "children that come and go without a pause",
    session: (session, { clock }) => ({
      watchChildren(path, sink) {
        let reports = 0;
        const late = (run: () => void) => {
          reports += 1;
          if (reports % 2 === 0) clock.schedule(20, run);
          else run();
        };
        return session.watchChildren(path, {
          snapshot: (children) => late(() => sink.snapshot(children)),
          changed: (child) => late(() => sink.changed(child)),
          removed: (name) => late(() => sink.removed(name)),
          failed: (error) => sink.failed(error),
        });
      },
    }),
  },
  "a watch that goes on after it was ended": {
    seenBy: "watchNode reports after the call",
    session: (session) => ({
      watchNode(path, sink): StopWatch {
        session.watchNode(path, sink);
        return () => {};
      },
    }),
  },
  "an opening that is dated by its answer": {
    seenBy: "the time of a session whose opening was answered late",
    session: (_, { clock }) => ({ openedAtMs: clock.now() }),
  },
  "a timeout that the store did not grant": {
    seenBy: "the timeout that is reported is the store's",
    session: ({ timeoutMs }) => ({ timeoutMs: 2 * timeoutMs }),
  },
  "an opening that does not hear its signal": {
    seenBy: "an opening that is given up rejects promptly (blackHole)",
    open: (backend) => (options) => backend.open({ ...options, signal: new AbortController().signal }),
  },
  "a close that does not wait for the store": {
    seenBy: "when close has resolved",
    session: () => ({ close: async () => {} }),
  },
  "ephemeral nodes that nobody owns": {
    seenBy: "when close has resolved",
    session: (session) => ({
      commit: (operations, guard) =>
        session.commit(
          operations.map((each) => (each.type === "create" ? { ...each, ephemeral: false } : each)),
          guard,
        ),
    }),
  },
  "a lost reply that is told as not applied": {
    seenBy: "a write whose reply was lost ends as unknown",
    session: (session) => ({
      commit: (operations, guard) =>
        session.commit(operations, guard).catch((error: unknown) => {
          if (!ConclaveError.is(error, "CONNECTION_LOST")) throw error;
          throw new ConclaveError("CONNECTION_LOST", error.message, { outcome: "not-applied" });
        }),
    }),
  },
  "writes that are kept until there is contact": {
    seenBy: "without contact every call is refused at once",
    session: (session, { clock }) => ({
      async commit(operations, guard) {
        for (;;) {
          try {
            return await session.commit(operations, guard);
          } catch (error) {
            if (!ConclaveError.is(error, "CONNECTION_LOST")) throw error;
            await new Promise<void>((resolve) => clock.schedule(10, resolve));
          }
        }
      },
    }),
  },
  "a waiter whose session is over that is told of a deletion": {
    seenBy: "the store itself refuses every write of a session that it has ended",
    session: (session) => ({
      standing: (ticket, look) =>
        session.standing(ticket, look).catch((error: unknown) => {
          if (ConclaveError.is(error, "SESSION_LOST")) return { present: false };
          throw error;
        }),
    }),
  },
  "an entry that is never said to be followed": {
    seenBy: "who learns late that it stands",
    session: (session) => ({
      enqueue: async (line, entry, look) => ({
        ...(await session.enqueue(line, entry, look)),
        followed: false,
      }),
    }),
  },
};

function altered(session: BackendSession, changes: Partial<BackendSession>): BackendSession {
  return new Proxy(session, {
    get(whole, key) {
      const value: unknown = Reflect.get(key in changes ? changes : whole, key);
      return typeof value === "function" ? value.bind(whole) : value;
    },
  });
}

function withMistake(backend: Backend, { session, open }: Mistake): Backend {
  const { name, capabilities, clock } = backend;
  const opened = open?.(backend) ?? ((options) => backend.open(options));
  return {
    name,
    capabilities,
    clock,
    async open(options) {
      const whole = await opened(options);
      return altered(whole, session?.(whole, backend) ?? {});
    },
  };
}

/** Runs the case on the memory target, whose clients make the mistake. */
async function runCase(title: string, mistake: Mistake): Promise<void> {
  const found = allSuites.flatMap(({ cases }) => cases).filter((each) => each.title.startsWith(title));
  expect(found).toHaveLength(1);
  const whole = memoryTarget({ sessionTimeoutMs: 1_000 });
  const target: ConformanceTarget = {
    ...whole,
    async client() {
      const client = await whole.client();
      return { ...client, backend: withMistake(client.backend, mistake) };
    },
  };
  const kit = new Kit(target);
  try {
    await found[0]?.run(kit);
  } finally {
    await kit.cleanUp().catch(() => {});
    await target.stop();
  }
}

test.each(Object.entries(mistakes))("%s", async (_, mistake) => {
  await runCase(mistake.seenBy, { seenBy: mistake.seenBy });
  await expect(runCase(mistake.seenBy, mistake)).rejects.toThrow();
});
