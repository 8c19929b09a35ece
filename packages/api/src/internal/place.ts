import type { LineEntry, Ticket } from "../backend/line.js";
import type { BackendSession } from "../backend/session.js";
import { ConclaveError } from "../errors.js";
import { aborted } from "./calls.js";
import { firstOf } from "./first-of.js";
import type { LiveSession } from "./live-session.js";
import { onAbort } from "./on-abort.js";
import { pause } from "./pause.js";

/** How long to hold back when the store fails to remove an entry, as a share of the session timeout. */
const holdBackShare = 1 / 50;

function notHeld(why: string): ConclaveError {
  return new ConclaveError("NOT_HELD", why);
}

/**
 * An entry in a waiting line, from when it was made until it is gone. Once it is first, it is the hold that a leadership or a
 * lock stands on.
 */
export class Place {
  readonly live: LiveSession;
  readonly ticket: Ticket;
  readonly #given = new AbortController();
  readonly #stopWatching: () => void;
  readonly #remove: (backend: BackendSession) => Promise<void>;
  /** Its node was seen to be gone: there is nothing left to remove, and a node of that name now is somebody else's. */
  #gone = false;

  /** `remove` takes exactly this entry out of the store, if it still stands. */
  constructor(
    live: LiveSession,
    ticket: Ticket,
    remove = (backend: BackendSession) => backend.leave(ticket),
  ) {
    this.live = live;
    this.ticket = ticket;
    this.#remove = remove;
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
      await this.live.idempotent(this.#remove);
    } catch (error) {
      // The session is over, and the entry with it.
      if (!this.live.signal.aborted) throw error;
    }
  }

  /** As `leave`, but never rejects: when that fails it is tried again behind the caller's back, until the session is over (LEAD-6). */
  async quit(): Promise<void> {
    await this.leave().catch(() => void this.#keepLeaving());
  }

  async #keepLeaving(): Promise<void> {
    const { live } = this;
    for (;;) {
      await pause(live.clock, live.timeoutMs * holdBackShare, live.signal);
      try {
        return await this.leave();
      } catch {
        // Tried again: what stays behind would hold up those behind it.
      }
    }
  }
}

/**
 * Joins a line and waits to be first (LEAD-5, LEAD-6, LEAD-8).
 *
 * Watches only the entry directly ahead, so that one departure wakes one waiter, and its own, which somebody may delete. When
 * the one ahead is gone it asks the store again who is ahead now, and whether its own entry still stands, before it believes.
 */
export async function takeTurn(
  live: LiveSession,
  line: string,
  entry: LineEntry,
  signal: AbortSignal | undefined,
): Promise<Place> {
  const place = new Place(live, await join(live, line, entry, signal));
  try {
    let { ahead } = place.ticket;
    while (ahead !== undefined) {
      await departure(place, ahead, signal);
      const standing = await live.idempotent((backend) => backend.standing(place.ticket), signal);
      if (!standing.present) throw notHeld("its node was deleted from outside while it waited");
      ahead = standing.ahead;
    }
    place.check();
    return place;
  } catch (error) {
    void place.quit();
    throw error;
  }
}

/** Joins a line and stays only if nobody is ahead; leaves it again otherwise. */
export async function tryTurn(
  live: LiveSession,
  line: string,
  entry: LineEntry,
  signal: AbortSignal | undefined,
): Promise<Place | undefined> {
  const place = new Place(live, await join(live, line, entry, signal));
  if (place.ticket.ahead === undefined) return place;
  const left = place.quit();
  return firstOf((resolve, reject) => {
    left.then(() => resolve(undefined));
    return [onAbort(signal, () => reject(aborted(signal)))];
  });
}

/** Makes the entry; when the caller gives up meanwhile, an entry that was or will be made is removed. */
async function join(
  live: LiveSession,
  line: string,
  entry: LineEntry,
  signal: AbortSignal | undefined,
): Promise<Ticket> {
  let entering: Promise<Ticket> | undefined;
  try {
    return await live.once((backend) => {
      entering = backend.enqueue(line, entry);
      return entering;
    }, signal);
  } catch (error) {
    entering?.then((ticket) => live.idempotent((backend) => backend.leave(ticket))).catch(() => {});
    throw error;
  }
}

/** Resolves when the entry at `path` is gone, or was made anew behind `place`. */
function departure(place: Place, path: string, signal: AbortSignal | undefined): Promise<void> {
  const { live, ticket } = place;
  return firstOf((resolve, reject) => [
    onAbort(signal, () => reject(aborted(signal))),
    onAbort(place.signal, () => reject(place.signal.reason)),
    live.watch(
      (backend) =>
        backend.watchNode(path, {
          state: (node) => {
            if (node === undefined || node.createRevision > ticket.createRevision) resolve();
          },
          failed: reject,
        }),
      reject,
    ),
  ]);
}
