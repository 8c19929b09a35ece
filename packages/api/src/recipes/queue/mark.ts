import { randomUUID } from "node:crypto";
import type { Ticket } from "../../backend/line.js";
import type { Node } from "../../backend/operations.js";
import type { BackendSession } from "../../backend/session.js";
import { ConclaveError } from "../../errors.js";
import type { LiveSession } from "../../internal/live-session.js";
import { ephemeralNode, removeNode } from "../../internal/own-node.js";
import { Place } from "../../internal/place.js";
import { quit } from "../../internal/quit.js";
import type { QueueLayout } from "./layout.js";

/** The ephemeral node that says that this session has a task. What it holds tells it from every other (OUT-3). */
export class Mark {
  readonly #live: LiveSession;
  readonly #line: string;
  readonly #path: string;
  readonly #task: string;
  readonly #data = new TextEncoder().encode(randomUUID());

  constructor(live: LiveSession, layout: QueueLayout, id: string) {
    this.#live = live;
    this.#line = layout.claims;
    this.#path = layout.claim(id);
    this.#task = layout.task(id);
  }

  /** Makes the mark; false when somebody else's stands. */
  async make(): Promise<boolean> {
    const create = ephemeralNode(this.#path, this.#data);
    let isRepeated = false;
    return this.#orSweep((backend) => {
      const mayBeOurs = isRepeated;
      isRepeated = true;
      return backend.commit([create], undefined).then(
        () => true,
        async (error) => {
          if (!ConclaveError.is(error, "NODE_EXISTS")) throw error;
          return mayBeOurs && (await this.#own(backend)) !== undefined;
        },
      );
    });
  }

  /** The claim that the mark makes; `undefined` when it is gone already. */
  async place(): Promise<Place | undefined> {
    const node = await this.#orSweep((backend) => this.#own(backend));
    if (node === undefined) return undefined;
    const { path, createRevision } = node;
    const ticket: Ticket = { line: this.#line, path, createRevision, ahead: [], followed: false };
    // Whoever claims the task next sets it before it is handed out.
    return new Place(this.#live, ticket, {
      remove: (backend) => removeNode(backend, node),
      witness: this.#task,
    });
  }

  async #own(backend: BackendSession): Promise<Node | undefined> {
    const node = await backend.get(this.#path, { linearizable: false });
    const isOurs = node?.ephemeralOwner === backend.id && Buffer.compare(node.data, this.#data) === 0;
    return isOurs ? node : undefined;
  }

  /** What is not known to be ours must not stay either: it would keep the task from everybody for as long as the session lives. */
  async #orSweep<T>(call: (backend: BackendSession) => Promise<T>): Promise<T> {
    try {
      return await this.#live.idempotent(call);
    } catch (error) {
      void quit(this.#live, () => this.#sweep());
      throw error;
    }
  }

  #sweep(): Promise<void> {
    return this.#live.idempotent(async (backend) => {
      const node = await this.#own(backend);
      if (node) await removeNode(backend, node);
    });
  }
}
