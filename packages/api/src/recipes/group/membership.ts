import { toBytes } from "../../internal/check.js";
import type { KeptNode } from "../../internal/kept-node.js";
import type { Data } from "../../node-writer.js";

/**
 * One's place in a group, kept until it is left: taken in the current session and again in each later one, always with the latest
 * data (GRP-1, GRP-2).
 */
export class Membership {
  readonly id: string;
  readonly #node: KeptNode;

  /** Memberships come from `group.join`. */
  constructor(node: KeptNode, id: string) {
    this.#node = node;
    this.id = id;
  }

  /** The latest data, a copy. */
  get data(): Uint8Array {
    return this.#node.data.slice();
  }

  /**
   * Whether the member stands in the current session, as far as this process knows: false between the loss of a session and the
   * return in the next, and once left. Not guaranteed: that nobody else has deleted or replaced its entry since.
   */
  get isPresent(): boolean {
    return this.#node.sessionId !== undefined;
  }

  /** Id of the session in which the member stands; `undefined` while it is not present. */
  get sessionId(): string | undefined {
    return this.#node.sessionId;
  }

  /**
   * Replaces the data. Resolves when the group shows them, or a later update or leaving has overtaken them; without a session now, at
   * once, and the next session shows them. Errors: `INVALID_ARGUMENT`, `DATA_TOO_LARGE`, `CLOSED` once left, replaced or closed;
   * whatever the store refuses the entry with, which is then tried again behind the caller's back.
   */
  async update(data: Data): Promise<void> {
    this.#node.check();
    await this.#node.update(toBytes(data, this.#node.path));
  }

  /** Leaves for good: whatever happens, the member does not come back by itself (GRP-2). Idempotent. */
  leave(): Promise<void> {
    return this.#node.leave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}
