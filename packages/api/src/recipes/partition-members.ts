import type { Child, CreateOperation } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import { ConclaveError } from "../errors.js";
import { Children } from "../internal/children.js";
import type { LiveSession } from "../internal/live-session.js";
import { hasPassed } from "../internal/passed.js";
import { pause } from "../internal/pause.js";

/** How long to hold back when the store fails to remove the node, as a share of the session timeout. */
const holdBackShare = 1 / 50;

/** A member of a set of processes: an ephemeral node of its id. */
export interface MemberEntry {
  /** Where the nodes of the members are. */
  readonly path: string;
  readonly id: string;
  readonly data: Uint8Array;
}

/** What follows a membership in one session. */
export interface MembersSink {
  /** The members now, by id; `undefined` while this process is none of them. */
  members(ids: readonly string[] | undefined): void;
  failed(error: unknown): void;
}

/**
 * Keeps one process a member in one session, and tells who else is. An id that is taken is waited for: it is that of another
 * process, or of this one in an earlier session, which still owns what it owned.
 */
export class PartitionMembers {
  readonly #live: LiveSession;
  readonly #entry: MemberEntry;
  readonly #sink: MembersSink;
  readonly #children: Children<Child>;
  readonly #stops: readonly (() => void)[];
  #joining: Promise<void> = Promise.resolve();
  #isMember = false;
  #left = false;

  constructor(live: LiveSession, entry: MemberEntry, sink: MembersSink) {
    this.#live = live;
    this.#entry = entry;
    this.#sink = sink;
    this.#children = new Children<Child>(() => this.#tell(), sink.failed);
    const path = `${entry.path}/${entry.id}`;
    this.#stops = [
      live.watch(
        (backend) =>
          backend.watchNode(path, {
            state: (node) => {
              if (node === undefined) this.#join(path);
              this.#isMember = node?.ephemeralOwner === live.id;
              this.#tell();
            },
            failed: sink.failed,
          }),
        () => {},
      ),
      live.watch(
        (backend) => backend.watchChildren(entry.path, this.#children),
        () => {},
      ),
    ];
  }

  /** Is no member any more, and tells nothing more. Resolves once the node is gone; never rejects. */
  async leave(): Promise<void> {
    const live = this.#live;
    this.#left = true;
    for (const stop of this.#stops) stop();
    await this.#joining;
    while (!live.signal.aborted) {
      try {
        return await live.idempotent((backend) => this.#remove(backend));
      } catch {
        // Tried again: partitions of a member that is none would be nobody's.
        await pause(live.clock, live.timeoutMs * holdBackShare, live.signal);
      }
    }
  }

  async #remove(backend: BackendSession): Promise<void> {
    const path = `${this.#entry.path}/${this.#entry.id}`;
    const node = await backend.get(path, { linearizable: true });
    if (node?.ephemeralOwner !== backend.id) return;
    await backend.commit([{ type: "delete", path, ifVersion: undefined }], node).catch((error) => {
      if (!hasPassed(error)) throw error;
    });
  }

  #join(path: string): void {
    const join = async () => {
      if (this.#left) return;
      const { data } = this.#entry;
      const create: CreateOperation = {
        type: "create",
        path,
        data,
        ephemeral: true,
        sequential: false,
        parents: true,
      };
      try {
        await this.#live.idempotent((backend) => backend.commit([create], undefined));
      } catch (error) {
        // The watch tells whose it is, and when it is gone.
        if (ConclaveError.is(error, "NODE_EXISTS") || this.#live.signal.aborted) return;
        this.#sink.failed(error);
      }
    };
    this.#joining = this.#joining.then(join);
  }

  #tell(): void {
    const ids = this.#children.list?.map(({ name }) => name);
    const isMember = this.#isMember && ids?.includes(this.#entry.id) === true;
    this.#sink.members(isMember ? ids : undefined);
  }
}
