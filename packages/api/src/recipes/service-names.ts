import type { Child } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import type { ChildNamesSink } from "../backend/watch.js";
import { ConclaveError } from "../errors.js";
import { aborted } from "../internal/calls.js";
import { firstOf } from "../internal/first-of.js";
import type { Keeper } from "../internal/keeper.js";
import { LiveChildren } from "../internal/live-children.js";
import type { LiveSession } from "../internal/live-session.js";
import { onAbort } from "../internal/on-abort.js";

/*
 * A service is listed when it has an entry. Its node alone says nothing: it stays when the last instance has gone, since whoever
 * removed it could not know that nobody is about to register.
 */

/** The services under `path` that have an entry, each read linearizably, sorted. */
export async function listServiceNames(
  live: LiveSession,
  path: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const children = async (at: string) => {
    const found = await live.idempotent((backend) => backend.children(at, { linearizable: true }), signal);
    return found ?? [];
  };
  const services = await children(path);
  const listings = await Promise.all(services.map(({ name }) => children(below(path, name))));
  return services
    .filter((_, index) => listings[index]?.length)
    .map(({ name }) => name)
    .sort();
}

/** The same, now and whenever it changes, until `signal` aborts or the coordinator is closed. */
export async function* watchServiceNames(
  keeper: Keeper,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<readonly string[], void, void> {
  const names = new ServiceNames(keeper, path);
  try {
    let last: readonly string[] | undefined;
    for (;;) {
      const now = names.available;
      if (now === undefined || (last !== undefined && isSame(now, last))) {
        await names.news(signal);
        continue;
      }
      last = now;
      yield now;
    }
  } finally {
    names.close();
  }
}

/** The services and their entries, by one watch of the directory and one of each service. */
class ServiceNames {
  readonly #keeper: Keeper;
  readonly #services: LiveChildren<Child, true>;
  readonly #entries = new Map<string, LiveChildren<Child, true>>();
  /** Something was reported since it was last looked at. */
  #isNews = false;
  #failure: { readonly reason: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(keeper: Keeper, path: string) {
    keeper.check();
    this.#keeper = keeper;
    this.#services = this.#watch(path, (name, isThere) => {
      if (isThere) this.#entries.set(name, this.#watch(below(path, name)));
      else this.#forget(name);
    });
  }

  /** Sorted; `undefined` until all were read for the first time. */
  get available(): readonly string[] | undefined {
    this.#isNews = false;
    if (!this.#services.wasRead) return undefined;
    const services = [...this.#entries];
    if (services.some(([, entries]) => !entries.wasRead)) return undefined;
    return services
      .filter(([, entries]) => entries.values.size > 0)
      .map(([name]) => name)
      .sort();
  }

  /** Resolves when `available` may have changed. */
  news(signal: AbortSignal): Promise<void> {
    return firstOf((resolve, reject) => {
      this.#wake = () => {
        if (this.#failure !== undefined) reject(this.#failure.reason);
        else if (this.#isNews) resolve();
      };
      this.#wake();
      return [onAbort(signal, () => reject(aborted(signal)))];
    });
  }

  close(): void {
    this.#services.close();
    for (const entries of this.#entries.values()) entries.close();
  }

  #forget(name: string): void {
    const entries = this.#entries.get(name);
    this.#entries.delete(name);
    entries?.close();
  }

  #watch(path: string, changed?: (name: string, isThere: boolean) => void): LiveChildren<Child, true> {
    const live = new LiveChildren<Child, true>(this.#keeper, {
      watch: (backend: BackendSession, sink: ChildNamesSink) => backend.watchChildren(path, sink),
      decode: () => true,
      isFinal: (error) => ConclaveError.is(error, "ACCESS_DENIED"),
    });
    live.observe({
      changed: (name, _, after) => changed?.(name, after !== undefined),
      reported: () => {
        this.#isNews = true;
        this.#wake();
      },
      ended: (reason) => {
        if (reason === undefined) return;
        this.#failure ??= { reason };
        this.#wake();
      },
    });
    return live;
  }
}

function below(path: string, name: string): string {
  return `${path === "/" ? "" : path}/${name}`;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
