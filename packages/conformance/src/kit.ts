import { type ConnectOptions, type Coordinator, connect, type Session } from "@conclave/api";
import type { Clock } from "@conclave/api/backend";
import type { ConformanceTarget, LinkFaults, TestClient, TestProcess } from "./target.js";

/** A connected client of a test. */
export interface KitClient {
  readonly coordinator: Coordinator;
  /** The first session. */
  readonly session: Session;
  /** Throws when the target has none: the case should have said that it needs it. */
  readonly link: LinkFaults;
  readonly test: TestClient;
}

let namespaces = 0;
const run = Math.random().toString(36).slice(2, 8);

/** What a test works with. Everything that it opens is closed after it, whether it passed or not. */
export class Kit {
  readonly target: ConformanceTarget;
  /** Of this test alone. */
  readonly namespace = `/conformance-${run}-${++namespaces}`;
  readonly #cleanups: { readonly what: string; run(): Promise<void> }[] = [];
  /** What is being cleaned up. */
  #cleaning = "nothing";

  constructor(target: ConformanceTarget) {
    this.target = target;
  }

  get clock(): Clock {
    return this.target.clock;
  }

  /** A client that is connected, in this test's namespace. */
  async client(options: ConnectOptions = {}): Promise<KitClient> {
    const test = await this.testClient();
    const coordinator = await this.connect(test, options);
    const session = await coordinator.session();
    return {
      coordinator,
      session,
      test,
      get link(): LinkFaults {
        if (!test.link) throw new Error("this target injects no faults into links");
        return test.link;
      },
    };
  }

  /** A client that is not connected yet. */
  async testClient(): Promise<TestClient> {
    const test = await this.target.client();
    this.onCleanup(async () => {
      await test.link?.heal();
      await test.close();
    }, "heal() and close() of a client of the target (has the backend let go of its connections?)");
    return test;
  }

  /** Connects a client. */
  async connect(test: TestClient, options: ConnectOptions = {}): Promise<Coordinator> {
    const { sessionTimeoutMs } = this.target;
    const coordinator = await connect(test.backend, {
      namespace: this.namespace,
      sessionTimeoutMs,
      ...options,
    });
    this.onCleanup(() => coordinator.close(), "close() of a coordinator");
    return coordinator;
  }

  /** A client in a process of its own, connected. */
  async process(): Promise<TestProcess> {
    if (!this.target.process) throw new Error("this target starts no processes");
    const process = await this.target.process(this.namespace);
    this.onCleanup(() => process.kill(), "kill() of a process of the target");
    await process.run({ type: "connect", sessionTimeoutMs: this.target.sessionTimeoutMs });
    return process;
  }

  /** Makes the store end the client's session now. */
  async expire({ session, test }: KitClient): Promise<void> {
    if (!this.target.expireSession) throw new Error("this target expires no sessions");
    await this.target.expireSession({ id: session.id, client: test });
  }

  /** Runs after the test, last first. */
  onCleanup(run: () => Promise<void>, what = "what the case itself opened"): void {
    this.#cleanups.push({ what, run });
  }

  /** The cleanup that is running, in words. */
  get cleaning(): string {
    return this.#cleaning;
  }

  /** Runs every cleanup, also after one that failed; then rejects with the first failure. */
  async cleanUp(): Promise<void> {
    const failures: unknown[] = [];
    for (const { what, run } of this.#cleanups.reverse()) {
      this.#cleaning = what;
      await run().catch((error) => failures.push(error));
    }
    this.#cleanups.length = 0;
    if (failures.length > 0) throw failures[0];
  }

  /** Waits for `condition` to return something other than `undefined` or `false`, at most `withinMs`. */
  async until<T>(
    what: string,
    withinMs: number,
    condition: () => T | Promise<T>,
  ): Promise<Exclude<T, undefined | false>> {
    const startMs = this.clock.now();
    for (;;) {
      const value = await condition();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      const waitedMs = this.clock.now() - startMs;
      if (waitedMs > withinMs) throw new Error(`${what}: not within ${Math.round(withinMs)} ms`);
      await this.sleep(5);
    }
  }

  /** Waits for a promise, at most `withinMs`. */
  async within<T>(what: string, withinMs: number, promise: Promise<T>): Promise<T> {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.clock.schedule(withinMs, () =>
        reject(new Error(`${what}: not within ${Math.round(withinMs)} ms`)),
      );
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      cancel();
    }
  }

  /** Lets time pass. For what must NOT happen in it, or to let a fault last; never to hope that something has happened. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.schedule(ms, resolve));
  }
}
