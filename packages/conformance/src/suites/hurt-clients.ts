import { type Capabilities, ConclaveError, type Coordinator, connect } from "@conclave/api";
import type { Backend, BackendSession, Operation } from "@conclave/api/backend";
import type { Kit } from "../kit.js";
import { steady } from "./support.js";

type Open = Backend["open"];

/** A client whose sessions are opened otherwise than its backend would. */
async function client(
  kit: Kit,
  openBy: (open: Open) => Open,
  declared: Partial<Capabilities> = {},
): Promise<Coordinator> {
  const { backend } = await kit.testClient();
  const changed: Backend = {
    name: backend.name,
    capabilities: { ...backend.capabilities, ...declared },
    clock: backend.clock,
    open: openBy((options) => backend.open(options)),
  };
  const { sessionTimeoutMs } = steady(kit);
  const coordinator = await connect(changed, { namespace: kit.namespace, sessionTimeoutMs });
  kit.onCleanup(() => coordinator.close());
  return coordinator;
}

/** A client whose sessions are changed before anybody uses them. */
function changing(kit: Kit, change: (session: BackendSession) => void): Promise<Coordinator> {
  return client(kit, (open) => async (options) => {
    const session = await open(options);
    change(session);
    return session;
  });
}

/** A client of which the process dies just before its commit number `fatal`, counted from 0. */
export async function mortal(
  kit: Kit,
  fatal: number,
  declared: Partial<Capabilities> = {},
): Promise<{ readonly coordinator: Coordinator; readonly dead: Promise<void>; isDead(): boolean }> {
  let commits = 0;
  let isDead = false;
  let die = () => {};
  const dead = new Promise<void>((resolve) => {
    die = resolve;
  });
  const dying = (open: Open): Open => {
    return async (options) => {
      // The process is not started again.
      if (isDead) return never(options.signal);
      const session = await open(options);
      const inner = { commit: session.commit.bind(session), close: session.close.bind(session) };
      let closed: Promise<void> | undefined;
      session.close = () => {
        closed ??= inner.close();
        return closed;
      };
      session.commit = async (operations, guard) => {
        if (isDead) return never(undefined);
        if (commits++ < fatal) return inner.commit(operations, guard);
        isDead = true;
        // A store that cannot be told in time ends the session by itself, later.
        await session.close().catch(() => {});
        die();
        return never(undefined);
      };
      return session;
    };
  };
  const coordinator = await client(kit, dying, declared);
  return { coordinator, dead, isDead: () => isDead };
}

/** Rejects when the signal aborts, as opening a session does, and never resolves. */
function never(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** What becomes of a request of which the client learns that its outcome is unknown. Late: just before the next commit. */
export const fates = ["is lost", "is not answered", "comes late"] as const;

/** A client whose commit number `hurt`, counted from 0, meets this fate. The store resolves what is left out (OUT-3). */
export function unlucky(kit: Kit, hurt: number, fate: (typeof fates)[number]): Promise<Coordinator> {
  let commits = 0;
  let late = async () => {};
  return changing(kit, (session) => {
    const commit = session.commit.bind(session);
    session.commit = async (operations, guard) => {
      if (operations.some((operation) => isResolved(operation, fate))) return commit(operations, guard);
      await late();
      late = async () => {};
      if (commits++ !== hurt) return commit(operations, guard);
      if (fate === "is not answered") await commit(operations, guard);
      if (fate === "comes late") late = () => commit(operations, guard).then(ignore, ignore);
      throw new ConclaveError("CONNECTION_LOST", `a request ${fate}`, { outcome: "unknown" });
    };
  });
}

/** Of an ephemeral node the store may have to say that it is not known whether it was made, but not when it still may be. */
function isResolved(operation: Operation, fate: (typeof fates)[number]): boolean {
  if (operation.type !== "create") return false;
  return operation.sequential || (operation.ephemeral && fate === "comes late");
}

function ignore(): void {}

/**
 * A client that is told nothing of what becomes of its claims, as when a notification is late; with `unguarded` its commits go
 * without their guard, as when a store that cannot judge both as one is overtaken between the two.
 */
export function blind(kit: Kit, { unguarded }: { readonly unguarded: boolean }): Promise<Coordinator> {
  return changing(kit, (session) => {
    const commit = session.commit.bind(session);
    session.watchNode = () => () => {};
    session.commit = (operations, guard) => commit(operations, unguarded ? undefined : guard);
  });
}
