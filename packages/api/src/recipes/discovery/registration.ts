import type { KeptNode } from "../../internal/kept-node.js";
import { checkDescription, encode, type Instance, type InstanceDescription, instanceOf } from "./instance.js";

/**
 * One instance's entry in the directory, kept until it is withdrawn: written in the current session and again in each later one,
 * always with the latest payload (DISC-1, DISC-2).
 */
export class Registration {
  readonly #node: KeptNode;
  #instance: Instance;

  /** Registrations come from `discovery.register`. */
  constructor(node: KeptNode, instance: Instance) {
    this.#node = node;
    this.#instance = instance;
  }

  /** The latest payload. */
  get instance(): Instance {
    return this.#instance;
  }

  /**
   * Id of the session in which the entry was written; `undefined` once that session is over, until it is written again. Not
   * guaranteed: that nobody else has deleted or replaced the entry since.
   */
  get sessionId(): string | undefined {
    return this.#node.sessionId;
  }

  /**
   * Replaces address, port or metadata. Resolves when the entry shows it, or a later update or the withdrawal has overtaken it;
   * without a session now, at once, and the next session shows it. Errors: `INVALID_ARGUMENT`, `DATA_TOO_LARGE`, `CLOSED` once
   * withdrawn, replaced or closed; whatever the store refuses the entry with, which is then tried again behind the caller's back.
   */
  async update(change: Partial<Pick<InstanceDescription, "address" | "port" | "metadata">>): Promise<void> {
    this.#node.check();
    checkDescription("update", change, ["address", "port", "metadata"]);
    const instance = instanceOf("update", { ...this.#instance, ...change });
    const data = encode(instance, this.#node.path);
    this.#instance = instance;
    await this.#node.update(data);
  }

  /** Withdraws the entry for good: whatever happens, it does not come back (DISC-2). Idempotent. */
  unregister(): Promise<void> {
    return this.#node.leave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.unregister();
  }
}
