import type { Entry } from "./entries.js";
import type { Follower } from "./followers.js";
import { parentOf } from "./keys.js";

/** One watch: registered and read in one request, and then told of every later commit that concerns it. */
export class Subscription {
  readonly follower: Follower;
  /** Tells the answer to the latest request from those to earlier ones. */
  attempt = 0;
  /** The revision of its last snapshot; `undefined` while it is being read. */
  readAt: number | undefined;
  held: Entry[] = [];

  constructor(follower: Follower) {
    this.follower = follower;
  }

  get key(): string {
    return this.follower.kind + this.follower.path;
  }
}

/** The root is its own parent by path, but nobody's child. */
export function concerns({ kind, path }: Follower, changed: string): boolean {
  return changed === path || (kind !== "n" && changed !== "/" && parentOf(changed) === path);
}
