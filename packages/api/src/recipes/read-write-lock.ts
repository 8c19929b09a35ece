import { checkOptions } from "../internal/check.js";
import type { Keeper } from "../internal/keeper.js";
import { alone } from "../internal/turn.js";
import type { CallOptions } from "../node-writer.js";
import { type Contender, contenderOf, type Kind, readLine } from "./acquirable.js";
import { Lock } from "./lock.js";
import { LockHold } from "./lock-hold.js";

const hold = (place: ConstructorParameters<typeof LockHold>[0]) => new LockHold(place);

const reading: Kind<LockHold> = { ...alone, label: "read", look: { label: "write", limit: 1 }, hold };
const writing: Kind<LockHold> = { ...alone, label: "write", hold };

export interface ReadWriteContender extends Contender {
  /** `undefined` for an entry that another program made and that is neither. */
  readonly mode: "read" | "write" | undefined;
}

/**
 * A lock that many readers share or one writer has alone. All stand in one line: a reader waits for the writers ahead of it, a
 * writer for everybody ahead, so that neither starves the other (RW-1, RW-2).
 *
 * A hold is not upgraded or downgraded, and not reentrant: a process that holds the read lock and acquires the write lock waits for
 * itself. After the shared lock recipe of ZooKeeper's documentation; on ZooKeeper in the layout of Curator's
 * `InterProcessReadWriteLock` (INTEROP-1).
 */
export class ReadWriteLock {
  /** The side that readers share. */
  readonly read: Lock;
  /** The side that a writer has alone. */
  readonly write: Lock;
  readonly #keeper: Keeper;
  readonly #path: string;

  /** Read-write locks come from `coordinator.readWriteLock(path)`. */
  constructor(keeper: Keeper, path: string) {
    this.read = new Lock(keeper, path, reading);
    this.write = new Lock(keeper, path, writing);
    this.#keeper = keeper;
    this.#path = path;
  }

  /** Who stands in the line, in order, and for what; read linearizably. */
  async contenders(options: CallOptions = {}): Promise<readonly ReadWriteContender[]> {
    checkOptions("contenders", options, ["signal"]);
    const entries = await readLine(this.#keeper, this.#path, options.signal);
    return entries.map((entry) => ({ ...contenderOf(entry), mode: modeOf(entry.label) }));
  }
}

function modeOf(label: string | undefined): ReadWriteContender["mode"] {
  return label === "read" || label === "write" ? label : undefined;
}
