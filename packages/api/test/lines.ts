import type { Coordinator, Hold } from "@conclave/api";

export interface Held {
  readonly hold: Hold;
  release(): Promise<void>;
}

export interface LineRecipe {
  readonly name: string;
  acquire(coordinator: Coordinator, options?: { readonly signal?: AbortSignal }): Promise<Held>;
  /** Takes all that others could hold beside it, so that the next one waits. */
  fill(coordinator: Coordinator): Promise<readonly Held[]>;
}

const line = "/line";

async function held<H extends Hold & { release(): Promise<void> }>(acquiring: Promise<H>): Promise<Held> {
  const hold = await acquiring;
  return { hold, release: () => hold.release() };
}

function exclusive(name: string, acquire: LineRecipe["acquire"]): LineRecipe {
  return { name, acquire, fill: async (coordinator) => [await acquire(coordinator)] };
}

/** Every recipe in which one waits in line for a hold, all in the same line. */
export const lineRecipes: readonly LineRecipe[] = [
  exclusive("lock", (coordinator, options) => held(coordinator.lock(line).acquire(options))),
  exclusive("write lock", (coordinator, options) =>
    held(coordinator.readWriteLock(line).write.acquire(options)),
  ),
  {
    name: "read lock",
    acquire: (coordinator, options) => held(coordinator.readWriteLock(line).read.acquire(options)),
    fill: async (coordinator) => [await held(coordinator.readWriteLock(line).write.acquire())],
  },
  exclusive("election", async (coordinator, options) => {
    const hold = await coordinator.election(line).campaign(options);
    return { hold, release: () => hold.resign() };
  }),
  {
    name: "semaphore",
    acquire: (coordinator, options) => held(coordinator.semaphore(line, { permits: 2 }).acquire(options)),
    fill: (coordinator) => {
      const permits = coordinator.semaphore(line, { permits: 2 });
      return Promise.all([held(permits.acquire()), held(permits.acquire())]);
    },
  },
];
