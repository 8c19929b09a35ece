import type { Node } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import { aborted } from "../internal/calls.js";
import { checkOptions } from "../internal/check.js";
import type { Keeper } from "../internal/keeper.js";
import { checkWaitOptions, type WaitOptions, waiting } from "../internal/wait.js";
import type { NodeClient } from "../node-client.js";
import type { CallOptions } from "../node-writer.js";

/**
 * A barrier that holds everybody up who waits at it, from when it is set until it is removed. It is a persistent node: it
 * belongs to nobody, and stands until somebody removes it, whatever becomes of who set it. After the barrier recipe of
 * ZooKeeper's documentation.
 */
export class Barrier {
  readonly #keeper: Keeper;
  readonly #nodes: NodeClient;
  readonly #path: string;

  /** Barriers come from `coordinator.barrier(path)`. */
  constructor(keeper: Keeper, nodes: NodeClient, path: string) {
    if (path === "/") {
      throw new ConclaveError("INVALID_ARGUMENT", 'barrier: "/" always exists and could never be removed', {
        path,
      });
    }
    this.#keeper = keeper;
    this.#nodes = nodes;
    this.#path = path;
  }

  /**
   * Raises the barrier, with its ancestors; does nothing when it stands (BAR-2).
   *
   * Errors: `EPHEMERAL_PARENT`, `CONNECTION_LOST` (outcome `"unknown"`: not repeated, since somebody may have removed it
   * since), `SESSION_LOST`, `CLOSED`, `ABORTED`.
   */
  async set(options: CallOptions = {}): Promise<void> {
    checkOptions("set", options, ["signal"]);
    try {
      await this.#nodes.create(this.#path, "", { parents: true, signal: options.signal });
    } catch (error) {
      if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
    }
  }

  /**
   * Lowers the barrier, so that everybody who waits goes on; does nothing when it does not stand (BAR-2).
   *
   * Errors: `NOT_EMPTY` (there are nodes below it), `CONNECTION_LOST` (outcome `"unknown"`: not repeated, since somebody may
   * have set it anew since), `SESSION_LOST`, `CLOSED`, `ABORTED`.
   */
  async remove(options: CallOptions = {}): Promise<void> {
    checkOptions("remove", options, ["signal"]);
    try {
      await this.#nodes.delete(this.#path, { signal: options.signal });
    } catch (error) {
      if (!ConclaveError.is(error, "NO_NODE")) throw error;
    }
  }

  /**
   * Resolves when the barrier does not stand: at once, or when it is removed (BAR-1). The raising that it waits for is the one
   * that it found: it passes once that is over, also when the barrier was set anew directly afterwards.
   *
   * Belongs to the coordinator: it goes on in the next session. Leaves nothing behind; it made nothing.
   * Errors: `ABORTED`, `TIMEOUT`, `CLOSED`, `ACCESS_DENIED`.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    checkWaitOptions("wait", options);
    await waiting(this.#keeper.clock, "wait", options, (signal) => this.#wait(signal));
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    // A watch alone would do where its first state is never late; a barrier that was set before the call must not be passed.
    const raised = await this.#read(signal);
    if (raised === undefined) return;
    for await (const node of this.#nodes.watch(this.#path, { signal })) {
      if (node?.createRevision !== raised.createRevision) return;
    }
    throw aborted(signal);
  }

  /** In the next session when one is lost meanwhile. */
  async #read(signal: AbortSignal | undefined): Promise<Node | undefined> {
    for (;;) {
      try {
        return await this.#nodes.get(this.#path, { linearizable: true, signal });
      } catch (error) {
        this.#keeper.check();
        // A closed session is over as a lost one is: the coordinator is open.
        if (!ConclaveError.is(error, "SESSION_LOST") && !ConclaveError.is(error, "CLOSED")) throw error;
      }
    }
  }
}
