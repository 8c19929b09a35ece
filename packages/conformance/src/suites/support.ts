import type { ConnectOptions, Node, Session } from "@conclave/api";
import type { Kit, KitClient } from "../kit.js";

/** What a loaded machine may add to anything that goes over a network. */
const loadMs = 5_000;

/** A bound for whatever takes a few round trips, a reconnection, or the loss of a session and a new one. */
export function soonMs(kit: Kit): number {
  return loadMs + 6 * kit.target.sessionTimeoutMs + kit.target.expiryBoundMs;
}

/** For clients that must keep their session through what the test does to them. */
export function steady(kit: Kit): ConnectOptions {
  return { sessionTimeoutMs: 5 * kit.target.sessionTimeoutMs };
}

/** Two clients that keep their sessions. */
export function pair(kit: Kit): Promise<[KitClient, KitClient]> {
  return Promise.all([kit.client(steady(kit)), kit.client(steady(kit))]);
}

/** Three clients that keep their sessions. */
export function three(kit: Kit): Promise<[KitClient, KitClient, KitClient]> {
  return Promise.all([kit.client(steady(kit)), kit.client(steady(kit)), kit.client(steady(kit))]);
}

export function text(node: Node | undefined): string | undefined {
  return node && new TextDecoder().decode(node.data);
}

/** Reads an iterable as fast as it comes, and keeps what it yielded. */
export class Follower<T> {
  readonly values: T[] = [];
  /** Settled when the iteration ended; holds what it threw, if it did. */
  readonly ended: Promise<{ readonly error: unknown }>;
  readonly #iterator: AsyncIterator<T>;

  constructor(source: AsyncIterable<T>) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.ended = this.#read();
  }

  /** `undefined` also before the first value: see `values.length`. */
  get last(): T | undefined {
    return this.values.at(-1);
  }

  async stop(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #read(): Promise<{ readonly error: unknown }> {
    try {
      for (;;) {
        const result = await this.#iterator.next();
        if (result.done) return { error: undefined };
        this.values.push(result.value);
      }
    } catch (error) {
      return { error };
    }
  }
}

/** Follows an iterable until the test is over. */
export function follow<T>(kit: Kit, source: AsyncIterable<T>): Follower<T> {
  const follower = new Follower(source);
  kit.onCleanup(() => follower.stop());
  return follower;
}

/** Waits until a session is over on this side. */
export async function over(kit: Kit, session: Session): Promise<void> {
  await kit.until("the session ends", soonMs(kit) + 2 * session.timeoutMs, () => session.signal.aborted);
}

/** Waits until a session is in doubt. */
export async function suspended(kit: Kit, session: Session): Promise<void> {
  await kit.until("the session is suspended", soonMs(kit), () => session.state !== "connected");
}

/** Breaks contact until further notice, short of a loss if it is healed soon. */
export async function suspend(
  kit: Kit,
  { session, link }: Pick<KitClient, "session" | "link">,
): Promise<void> {
  await link.refuse();
  await suspended(kit, session);
}

/** Cuts a client off until its current session is lost, and lets it connect again. */
export async function loseSession(kit: Kit, client: KitClient): Promise<void> {
  const session = await client.coordinator.session();
  await client.link.refuse();
  await over(kit, session);
  await client.link.heal();
}

/** Has the store end a client's current session while the client is cut off, so that it hears of it only on its return. */
export async function expireUnseen(kit: Kit, client: KitClient): Promise<void> {
  const { id } = await client.coordinator.session();
  await client.link.refuse();
  await kit.target.expireSession?.({ id, client: client.test });
  // A target may have had to cut it off itself, and to let it back.
  await client.link.refuse();
}

/** Waits until a node has `count` children, and returns their names. */
export async function childrenAre(
  kit: Kit,
  client: KitClient,
  path: string,
  count: number,
): Promise<readonly string[]> {
  let seen = 0;
  return kit
    .until(`${count} children of ${path}`, soonMs(kit), async () => {
      const node = await client.coordinator.get(path, { linearizable: true });
      const children = node ? await client.coordinator.children(path, { linearizable: true }) : [];
      seen = children.length;
      return seen === count && children.map((child) => child.name);
    })
    .catch((error: Error) => {
      throw new Error(`${error.message}; there are ${seen}`);
    });
}

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
