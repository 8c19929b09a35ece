import type { Ticket } from "../backend/line.js";
import type { Guard } from "../backend/operations.js";
import type { BackendSession } from "../backend/session.js";
import { ConclaveError } from "../errors.js";
import type { LiveSession } from "./live-session.js";
import { quit } from "./quit.js";

export function notHeld(why: string): ConclaveError {
  return new ConclaveError("NOT_HELD", why);
}

export interface PlaceOptions {
  /** Takes exactly this entry, which the guard names, out of the store, if it still stands. Default: leaves the line. */
  readonly remove?: (backend: BackendSession, guard: Guard) => Promise<void>;
  /** As of a `Guard`. */
  readonly witness?: string;
}

/**
 * An entry in a waiting line, from when it was made until it is gone. Once it is first, it is the hold that a leadership or a
 * lock stands on.
 */
export class Place {
  readonly live: LiveSession;
  readonly ticket: Ticket;
  /** Makes writes conditional on the entry. */
  readonly guard: Guard;
  readonly #given = new AbortController();
  readonly #stopWatching: () => void;
  readonly #remove: (backend: BackendSession, guard: Guard) => Promise<void>;
  /** Its node was seen to be gone: there is nothing left to remove, and a node of that name now is somebody else's. */
  #gone = false;

  constructor(live: LiveSession, ticket: Ticket, { remove, witness }: PlaceOptions = {}) {
    const { path, createRevision } = ticket;
    this.live = live;
    this.ticket = ticket;
    this.guard = { path, createRevision, ...(witness !== undefined && { witness }) };
    this.#remove = remove ?? ((backend) => backend.leave(ticket));
    this.#stopWatching = live.watch(
      (backend) =>
        backend.watchNode(ticket.path, {
          state: (node) => {
            if (node?.createRevision !== ticket.createRevision) this.vanished();
          },
          failed: (error) =>
            this.revoke(new ConclaveError("NOT_HELD", "its node cannot be watched", { cause: error })),
        }),
      (reason) => this.revoke(reason),
    );
  }

  /** Aborts when the place is lost, revoked or left; the reason says which. */
  get signal(): AbortSignal {
    return this.#given.signal;
  }

  /** Whether the entry is known to be gone from the store without our doing. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Whether the place is still ours to use. Compares the session's deadline; never true once the session is over. */
  get isHeld(): boolean {
    const { state } = this.live;
    return (state === "connected" || state === "suspended") && !this.signal.aborted;
  }

  /** Throws unless the place is still ours to use. Compares the session's deadline. */
  check(): void {
    this.live.check();
    if (this.signal.aborted) throw notHeld(`no longer held: ${(this.signal.reason as Error).message}`);
  }

  /** The store says that the entry is gone, and it was not we who removed it. */
  vanished(): void {
    this.#gone = true;
    this.revoke(notHeld("its node was deleted from outside"));
  }

  /** Ends the place on this side only, so that nothing more is done in its name. */
  revoke(reason: ConclaveError): void {
    if (this.signal.aborted) return;
    this.#given.abort(reason);
    this.#stopWatching();
  }

  /** Gives the place up, here and at the store. Harmless when it is gone already (LEAD-7). */
  async leave(): Promise<void> {
    this.revoke(notHeld("given up"));
    if (this.#gone || this.live.signal.aborted) return;
    try {
      await this.live.idempotent((backend) => this.#remove(backend, this.guard));
    } catch (error) {
      // The session is over, and the entry with it.
      if (!this.live.signal.aborted) throw error;
    }
  }

  /** As `leave`, but never rejects: when that fails it is tried again behind the caller's back, until the session is over (LEAD-6). */
  quit(): Promise<void> {
    return quit(this.live, () => this.leave());
  }
}
