import { type Coordinator, connect, type Session } from "@conclave/api";
import { type DriverName, zookeeper } from "@conclave/backend-zookeeper";
import type { ZooKeeperEnsemble } from "@conclave/test-servers";
import { expect, onTestFinished, vi } from "vitest";

export type Member = ZooKeeperEnsemble["members"][number];

/** How long an ensemble may take to elect, or a member to come back, on a machine that has other things to do. */
export const QUORUM_WITHIN_MS = 30_000;
/** Longer than an election and the reconnection after it: what is lost within it was lost by a mistake. */
export const LONG_SESSION_MS = 15_000;

export interface OpenOptions {
  readonly namespace: string;
  readonly sessionTimeoutMs: number;
  /** The member that serves it first. Default: any. */
  readonly at?: Member;
  /** The members that it knows. Default: all. */
  readonly knows?: readonly Member[];
  readonly driver?: DriverName;
}

/** Opens a coordinator that is closed at the end of the test. */
export async function open(ensemble: ZooKeeperEnsemble, options: OpenOptions): Promise<Coordinator> {
  const { namespace, sessionTimeoutMs, at, knows = ensemble.members, driver = "typescript" } = options;
  const backend = zookeeper({ hosts: knows.map(({ url }) => url), driver });
  for (;;) {
    const coordinator = await connect(backend, {
      namespace,
      sessionTimeoutMs,
      connectTimeoutMs: QUORUM_WITHIN_MS,
    });
    const { id } = await coordinator.session();
    // Clients begin with any of the members.
    if (at === undefined || (await ensemble.serving(id)) === at) {
      onTestFinished(() => coordinator.close());
      return coordinator;
    }
    await coordinator.close();
  }
}

export function controlOf({ control }: Member) {
  if (control === undefined) throw new Error("the member is not ours to control");
  return control;
}

/** Kills a member. Returns how to bring it back, which happens at the end of the test at the latest. */
export async function kill(member: Member): Promise<() => Promise<void>> {
  let back: Promise<void> | undefined;
  const bringBack = () => {
    back ??= controlOf(member).restart();
    return back;
  };
  onTestFinished(bringBack, 2 * QUORUM_WITHIN_MS);
  await controlOf(member).kill();
  return bringBack;
}

/** All states of the session, as they come. */
export function statesOf(session: Session): readonly string[] {
  const states: string[] = [];
  void (async () => {
    for await (const state of session.states()) states.push(state);
  })();
  return states;
}

/** The values of a node, as they come; `undefined` where there is none. */
export function valuesOf(coordinator: Coordinator, path: string): readonly (string | undefined)[] {
  const values: (string | undefined)[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  void (async () => {
    for await (const node of coordinator.watch(path, { signal: stop.signal })) values.push(textOf(node));
  })();
  return values;
}

export function textOf(node: { readonly data: Uint8Array } | undefined): string | undefined {
  return node && new TextDecoder().decode(node.data);
}

/** Until the condition holds; one that throws does not hold yet. */
export async function eventually(
  condition: () => unknown,
  timeoutMs: number = QUORUM_WITHIN_MS,
): Promise<void> {
  await vi.waitFor(condition, { timeout: timeoutMs, interval: 10 });
}

/** The session went on: not lost, and no other has taken its place. */
export async function expectGoesOn(coordinator: Coordinator, session: Session): Promise<void> {
  await eventually(() => expect(session.state).toBe("connected"));
  expect((await coordinator.session()).id).toBe(session.id);
}
