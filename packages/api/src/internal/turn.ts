import type { LookAhead, Neighbour, Ticket } from "../backend/line.js";
import type { Node } from "../backend/operations.js";
import { ConclaveError } from "../errors.js";
import { aborted } from "./calls.js";
import { firstOf } from "./first-of.js";
import { holdBack } from "./hold-back.js";
import type { LiveSession } from "./live-session.js";
import { onAbort } from "./on-abort.js";
import { notHeld, Place } from "./place.js";

/** What stands in a line, and for whom it waits. */
export interface Candidate {
  readonly line: string;
  readonly label: string;
  readonly data: Uint8Array;
  readonly look: LookAhead;
  /** What those ahead, nearest first, keep it waiting for; `undefined` when its turn has come. */
  waitsFor(ahead: readonly Neighbour[]): Blockers | undefined;
  /** Whether several hold at once, so that those behind must be told when the turn has come: by a change of the entry's node. */
  readonly announces: boolean;
}

/** Those of whom one must depart before the turn can have come. */
export interface Blockers {
  readonly who: readonly Neighbour[];
  /** They wait themselves, and it is enough that they announce that their turn has come. */
  readonly wait: boolean;
}

/** Who holds alone: waits for the one directly ahead. */
export const alone = {
  look: { label: undefined, limit: 1 },
  waitsFor: (ahead: readonly Neighbour[]) => (ahead.length === 0 ? undefined : { who: ahead, wait: false }),
  announces: false,
} as const;

/**
 * Joins a line and waits for its turn (LEAD-5, LEAD-6, LEAD-8).
 *
 * Watches only those ahead for which it waits, so that one departure wakes one waiter, and its own entry, which somebody may
 * delete. When one ahead is gone it asks the store again who is ahead now, and whether its own entry still stands, before it
 * believes.
 */
export async function takeTurn(
  live: LiveSession,
  candidate: Candidate,
  signal: AbortSignal | undefined,
): Promise<Place> {
  const place = new Place(live, await join(live, candidate, signal));
  try {
    let blockers = candidate.waitsFor(place.ticket.ahead);
    const hasWaited = blockers !== undefined;
    const departures = new Departures(place);
    while (blockers !== undefined) {
      await departures.next(blockers, signal);
      const standing = await live.idempotent(
        (backend) => backend.standing(place.ticket, candidate.look),
        signal,
      );
      if (!standing.present) throw notHeld("its node was deleted from outside while it waited");
      blockers = candidate.waitsFor(standing.ahead);
    }
    place.check();
    if (hasWaited || place.ticket.followed) tellOfTurn(place, candidate);
    return place;
  } catch (error) {
    void place.quit();
    if (place.isGone) await refuseIfOver(place, candidate, signal);
    throw error;
  }
}

/** Joins a line and stays only if its turn has come; leaves it again otherwise. */
export async function tryTurn(
  live: LiveSession,
  candidate: Candidate,
  signal: AbortSignal | undefined,
): Promise<Place | undefined> {
  const place = new Place(live, await join(live, candidate, signal));
  try {
    if (candidate.waitsFor(place.ticket.ahead) === undefined) {
      if (place.ticket.followed) tellOfTurn(place, candidate);
      return place;
    }
  } catch (error) {
    void place.quit();
    throw error;
  }
  const left = place.quit();
  return firstOf((resolve, reject) => {
    left.then(() => resolve(undefined));
    return [onAbort(signal, () => reject(aborted(signal)))];
  });
}

/** Makes the entry; when the caller gives up meanwhile, an entry that was or will be made is removed. */
async function join(
  live: LiveSession,
  { line, label, data, look }: Candidate,
  signal: AbortSignal | undefined,
): Promise<Ticket> {
  let entering: Promise<Ticket> | undefined;
  try {
    return await live.once((backend) => {
      entering = backend.enqueue(line, { label, data }, look);
      return entering;
    }, signal);
  } catch (error) {
    // Its place throws when the session is over: then the entry goes with it.
    entering?.then((ticket) => new Place(live, ticket).quit()).catch(() => {});
    throw error;
  }
}

/** An entry that is gone may have gone with its session, of which the store has not told yet: then that is the error (LEAD-8). */
async function refuseIfOver(
  { live, ticket }: Place,
  { look }: Candidate,
  signal: AbortSignal | undefined,
): Promise<void> {
  await live
    .idempotent((backend) => backend.standing(ticket, look), signal)
    .catch((error: unknown) => {
      if (ConclaveError.is(error, "SESSION_LOST")) throw error;
    });
}

/** Waits for those ahead. */
class Departures {
  readonly #place: Place;
  /** Versions of entries ahead that have been acted upon. */
  readonly #seen = new Map<string, number>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** Resolves when one of those is gone, was made anew behind the place, or, if they wait, announces that its turn has come. */
  next({ who, wait }: Blockers, signal: AbortSignal | undefined): Promise<void> {
    const place = this.#place;
    // The watches first: they throw when the session is over, and nothing else must be attached then.
    return firstOf((resolve, reject) => [
      ...who.map(({ path }) =>
        place.live.watch(
          (backend) =>
            backend.watchNode(path, {
              state: (node) => {
                if (this.#isNews(path, node, wait)) resolve();
              },
              failed: reject,
            }),
          reject,
        ),
      ),
      onAbort(signal, () => reject(aborted(signal))),
      onAbort(place.signal, () => reject(place.signal.reason)),
    ]);
  }

  #isNews(path: string, node: Node | undefined, waits: boolean): boolean {
    if (node === undefined || node.createRevision > this.#place.ticket.createRevision) return true;
    if (!waits || node.version <= (this.#seen.get(path) ?? 0)) return false;
    this.#seen.set(path, node.version);
    return true;
  }
}

/** Those behind have taken, or may have taken, the place for one that waits. */
function tellOfTurn(place: Place, { announces, data }: Candidate): void {
  if (announces) void announce(place, data);
}

async function announce(place: Place, data: Uint8Array): Promise<void> {
  const { live, ticket } = place;
  const set = { type: "set", path: ticket.path, data, ifVersion: undefined } as const;
  while (place.isHeld) {
    try {
      await live.idempotent((backend) => backend.commit([set], undefined));
      return;
    } catch {
      // Tried again while there is somebody to speak for.
      await holdBack(live, place.signal);
    }
  }
}
