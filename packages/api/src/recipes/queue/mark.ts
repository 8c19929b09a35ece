import { randomUUID } from "node:crypto";
import type { Ticket } from "../../backend/line.js";
import type { CreateOperation } from "../../backend/operations.js";
import type { LiveSession } from "../../internal/live-session.js";
import { ephemeralNode, makeOwn, readOwn, removeNode } from "../../internal/own-node.js";
import { Place } from "../../internal/place.js";
import { quit } from "../../internal/quit.js";
import type { QueueLayout } from "./layout.js";

/** The ephemeral node that says that this session has a task. What it holds tells it from every other (OUT-3). */
export class Mark {
  readonly #live: LiveSession;
  readonly #line: string;
  readonly #task: string;
  readonly #node: CreateOperation;

  constructor(live: LiveSession, layout: QueueLayout, id: string) {
    this.#live = live;
    this.#line = layout.claims;
    this.#task = layout.task(id);
    this.#node = ephemeralNode(layout.claim(id), new TextEncoder().encode(randomUUID()));
  }

  /** Makes the mark; false when somebody else's stands. */
  make(): Promise<boolean> {
    return this.#orSweep(makeOwn(this.#live, this.#node));
  }

  /** The claim that the mark makes; `undefined` when it is gone already. */
  async place(): Promise<Place | undefined> {
    const node = await this.#orSweep(this.#live.idempotent((backend) => readOwn(backend, this.#node)));
    if (node === undefined) return undefined;
    const { path, createRevision } = node;
    const ticket: Ticket = { line: this.#line, path, createRevision, ahead: [], followed: false };
    // Whoever claims the task next sets it before it is handed out.
    return new Place(this.#live, ticket, { remove: removeNode, witness: this.#task });
  }

  /** What is not known to be ours must not stay either: it would keep the task from everybody for as long as the session lives. */
  async #orSweep<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      void quit(this.#live, () => this.#sweep());
      throw error;
    }
  }

  #sweep(): Promise<void> {
    return this.#live.idempotent(async (backend) => {
      const node = await readOwn(backend, this.#node);
      if (node) await removeNode(backend, { ...node, witness: this.#task });
    });
  }
}
