import { deepStrictEqual, ok } from "node:assert";
import { ConclaveError } from "@conclave/api";
import type { BackendSession, CreateOperation, Operation, Ticket } from "@conclave/api/backend";
import { text } from "../expect.js";
import type { Kit, KitClient } from "../kit.js";
import type { TestClient } from "../target.js";

/** A session of the backend alone: nothing above it compares a deadline, so what refuses is the store. */
export interface Bare {
  readonly session: BackendSession;
  readonly client: TestClient;
  /** Whether the backend has reported that the store says it is over. */
  isOver(): boolean;
  /** Whether the backend has reported that contact broke, ever. */
  wasDisconnected(): boolean;
}

export interface BareSession extends Bare {
  readonly ticket: Ticket;
}

const empty = new Uint8Array();
/** As who holds alone looks: at the one directly ahead. */
export const nearest = { label: undefined, limit: 1 } as const;

export function creation(path: string, kind: Partial<CreateOperation> = {}): CreateOperation {
  return { type: "create", path, data: empty, ephemeral: false, sequential: false, parents: false, ...kind };
}

/** With `during`, which is called as soon as the opening has begun. */
export async function openBare(
  kit: Kit,
  sessionTimeoutMs: number,
  during: (client: TestClient) => Promise<void> = async () => {},
): Promise<Bare> {
  const client = await kit.testClient();
  let over = false;
  let disconnected = false;
  const opening = client.backend.open({
    namespace: kit.namespace,
    sessionTimeoutMs,
    connectTimeoutMs: 10_000,
    signal: new AbortController().signal,
    observer: {
      disconnected: () => {
        disconnected = true;
      },
      ended: () => {
        over = true;
      },
    },
  });
  const [session] = await Promise.all([opening, during(client)]);
  kit.onCleanup(async () => session.abandon());
  return { session, client, isOver: () => over, wasDisconnected: () => disconnected };
}

/** Opens one that holds the ephemeral node /bare and a place in /line, beside a persistent /target. */
export async function bareSession(kit: Kit, observer: KitClient): Promise<BareSession> {
  await observer.coordinator.create("/target", "early");
  const bare = await openBare(kit, kit.target.sessionTimeoutMs);
  const { session } = bare;
  await session.commit([creation("/bare", { ephemeral: true })], undefined);
  const ticket = await session.enqueue("/line", { label: "latch", data: empty }, nearest);
  return { ...bare, ticket };
}

/** Every kind of write rejects with `SESSION_LOST`, and the store shows no trace of it. */
export async function refusesEverything(kit: Kit, bare: BareSession, observer: KitClient): Promise<void> {
  const { session, ticket } = bare;
  const set: Operation = { type: "set", path: "/target", data: new Uint8Array([1]), ifVersion: undefined };
  const commits: readonly Operation[] = [
    set,
    { ...set, ifVersion: 0 },
    creation("/late"),
    creation("/late", { ephemeral: true }),
    creation("/late/er", { parents: true }),
    creation("/late-", { sequential: true }),
    creation("/late-", { sequential: true, ephemeral: true }),
    { type: "delete", path: "/target", ifVersion: undefined },
  ];
  for (const operation of commits) {
    await refused(kit, bare, `${operation.type} ${operation.path}`, () =>
      session.commit([operation], undefined),
    );
  }
  if (observer.coordinator.capabilities.transactions) {
    await refused(kit, bare, "a transaction", () => session.commit([set, creation("/late")], undefined));
  }
  await refused(kit, bare, "a guarded set", () => session.commit([set], ticket), [
    "SESSION_LOST",
    "NOT_HELD",
  ]);
  await refused(kit, bare, "standing in line", () =>
    session.enqueue("/line", { label: "latch", data: empty }, nearest),
  );
  // Or who waits there would take the removal of its entry for somebody's doing (LEAD-8).
  await refused(kit, bare, "asking whether its entry stands", () => session.standing(ticket, nearest));
  const target = await observer.coordinator.get("/target", { linearizable: true });
  deepStrictEqual([text(target?.data), target?.version], ["early", 0]);
  const names = (await observer.coordinator.children("/", { linearizable: true })).map(({ name }) => name);
  deepStrictEqual(names.sort(), ["line", "target"]);
  deepStrictEqual(await observer.coordinator.children("/line", { linearizable: true }), []);
}

/** Rejects with one of the codes once the store can be asked, or because the store was asked and told the end. */
async function refused(
  kit: Kit,
  { isOver }: BareSession,
  what: string,
  write: () => Promise<unknown>,
  codes: readonly string[] = ["SESSION_LOST"],
): Promise<void> {
  await kit.until(`${what} refused`, 5 * kit.target.sessionTimeoutMs, async () => {
    const error = await write().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    ok(error !== undefined, `${what} of a dead session was answered, and not refused`);
    ok(ConclaveError.is(error), `${what} of a dead session: ${String(error)}`);
    if (error.code === "CONNECTION_LOST") return isOver();
    ok(codes.includes(error.code), `${what} of a dead session: ${error.code}, ${error.message}`);
    deepStrictEqual(error.outcome, "not-applied");
    return true;
  });
}
