import type { CreateResult } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import type { LiveSession } from "./live-session.js";
import { pause } from "./pause.js";

/** How long to hold back when the store fails to remove the node, as a share of the session timeout. */
const holdBackShare = 1 / 50;

/** A node by which this session takes part in something: sequential, so that its name is never used again, and ephemeral. */
export class Member {
  readonly live: LiveSession;
  readonly path: string;
  readonly #ended = new AbortController();
  readonly #stopWatching: () => void;

  private constructor(live: LiveSession, path: string) {
    this.live = live;
    this.path = path;
    this.#stopWatching = live.watch(
      (backend) =>
        backend.watchNode(path, {
          state: (node) => {
            if (node === undefined)
              this.#end(new ConclaveError("NOT_HELD", "its node was deleted from outside", { path }));
          },
          failed: (cause) =>
            this.#end(new ConclaveError("NOT_HELD", "its node cannot be watched", { path, cause })),
        }),
      (reason) => this.#end(reason),
    );
  }

  /** Makes the node, with its ancestors; when the caller gives up meanwhile, a node that was or will be made is removed. */
  static async join(live: LiveSession, prefix: string, signal: AbortSignal | undefined): Promise<Member> {
    let creating: Promise<string> | undefined;
    const data = new Uint8Array(0);
    const create = {
      type: "create",
      path: prefix,
      data,
      ephemeral: true,
      sequential: true,
      parents: true,
    } as const;
    try {
      const path = await live.once((backend) => {
        creating = backend.commit([create], undefined).then(([made]) => (made as CreateResult).path);
        return creating;
      }, signal);
      return new Member(live, path);
    } catch (error) {
      creating?.then((path) => new Member(live, path).quit()).catch(() => {});
      throw error;
    }
  }

  get name(): string {
    return this.path.slice(this.path.lastIndexOf("/") + 1);
  }

  /** Aborts when the node is gone: the session ended, somebody deleted it, or it was removed here. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** Throws unless the node still stands, as far as is known here. Compares the session's deadline. */
  check(): void {
    this.live.check();
    if (this.signal.aborted) throw this.signal.reason;
  }

  /** Removes the node. Harmless when it is gone. */
  async remove(): Promise<void> {
    this.#end(new ConclaveError("NOT_HELD", "it was left", { path: this.path }));
    const operation = { type: "delete", path: this.path, ifVersion: undefined } as const;
    try {
      // Repeating this is safe: no other node ever has this name.
      await this.live.idempotent((backend) => backend.commit([operation], undefined));
    } catch (error) {
      if (!ConclaveError.is(error, "NO_NODE") && !this.live.signal.aborted) throw error;
    }
  }

  /** As `remove`, but never rejects: when that fails it is tried again behind the caller's back, until the session is over (OUT-4). */
  async quit(): Promise<void> {
    await this.remove().catch(() => void this.#keepRemoving());
  }

  async #keepRemoving(): Promise<void> {
    const { live } = this;
    while (!live.signal.aborted) {
      await pause(live.clock, live.timeoutMs * holdBackShare, live.signal);
      try {
        return await this.remove();
      } catch {
        // Tried again: what stays behind would be waited for.
      }
    }
  }

  #end(reason: ConclaveError): void {
    if (this.signal.aborted) return;
    this.#ended.abort(reason);
    this.#stopWatching();
  }
}
