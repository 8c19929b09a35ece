import { type FaultProxy, startProxy } from "./proxy.js";

/** Where one of them listens. Clients come to the first port. */
export interface MemberPlan {
  readonly id: number;
  readonly clientPort: number;
  /** Where followers connect, while it leads. */
  readonly leaderPort: number;
  readonly electionPort: number;
}

/**
 * A follower tries again when a leader that is just elected does not listen yet. One that gets through, and is then left, takes it
 * for gone, and the leader waits for it for all of `initLimit`.
 */
const CONNECT_WITHIN_MS = 1_000;

interface Link {
  readonly follower: MemberPlan;
  readonly leader: MemberPlan;
  readonly proxy: FaultProxy;
}

/**
 * The ways by which each member of an ensemble follows each other one. Elections are held past them: with them cut, too, the
 * members that are left would elect at once, and one that is cut off would notice sooner.
 */
export class Links {
  readonly #links: readonly Link[];

  private constructor(links: readonly Link[]) {
    this.#links = links;
  }

  static async between(plans: readonly MemberPlan[]): Promise<Links> {
    const links: Link[] = [];
    for (const follower of plans) {
      for (const leader of plans) {
        if (leader === follower) continue;
        const target = { host: "127.0.0.1", port: leader.leaderPort };
        const proxy = await startProxy({ target, connectWithinMs: CONNECT_WITHIN_MS });
        links.push({ follower, leader, proxy });
      }
    }
    return new Links(links);
  }

  /** Of the member whose clients come to this port. Throws where there are no links. */
  static of(links: Links | undefined, clientPort: number): readonly FaultProxy[] {
    if (links === undefined) throw new Error("this ensemble was started without `links`");
    return links.#links
      .filter(({ follower }) => follower.clientPort === clientPort)
      .map(({ proxy }) => proxy);
  }

  /** Where one reaches the other; `undefined` for itself. */
  portOf(follower: MemberPlan, leader: MemberPlan): number | undefined {
    return this.#links.find((link) => link.follower === follower && link.leader === leader)?.proxy.port;
  }

  heal(): void {
    for (const { proxy } of this.#links) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map(({ proxy }) => proxy.close()));
  }
}
