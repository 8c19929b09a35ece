import type { ChildNode } from "../backend/operations.js";
import { checkPath, checkSegment, toBytes } from "../internal/check.js";
import { established } from "../internal/established.js";
import type { Keeper } from "../internal/keeper.js";
import { KeptNode } from "../internal/kept-node.js";
import { type LiveChildren, liveChildNodes } from "../internal/live-children.js";
import type { WaitOptions } from "../internal/wait.js";
import type { Data } from "../node-writer.js";

/*
 * What recipes that stand on a group need of it: a member of their own that is kept across sessions, and all members in order, with
 * word of each change.
 */

/** What a member joins with. */
export interface Joining extends WaitOptions {
  readonly id: string;
  readonly data: Data;
}

/** One member of a group, as the others see it. */
export interface Member {
  readonly id: string;
  readonly data: Uint8Array;
  /** Store revision at which it joined, or came back after a session loss: the order of members, and what tells it from its return. */
  readonly createRevision: bigint;
  readonly sessionId: string;
}

/** The member that a node stands for; `undefined` for a node that no session holds. */
export function memberOf({ name, node }: ChildNode): Member | undefined {
  const { data, createRevision, ephemeralOwner } = node;
  if (ephemeralOwner === undefined) return undefined;
  return { id: name, data, createRevision, sessionId: ephemeralOwner };
}

/** Joins a group: resolves when the member stands; `leave` ends it. Rejects as `group.join` does. */
export async function keepMember(
  keeper: Keeper,
  group: string,
  where: string,
  joining: Joining,
): Promise<KeptNode> {
  const { id, data, ...options } = joining;
  checkSegment(id);
  const path = `${group === "/" ? "" : group}/${id}`;
  checkPath(path);
  const bytes = toBytes(data, path);
  return established(keeper, where, options, () => new KeptNode(keeper, path, bytes));
}

/**
 * Follows the members of a group: resolves when they are known. `values` by id, `observe` for what becomes of them, `stale`; ends with
 * `close`. Rejects as `group.view` does.
 */
export function liveMembers(
  keeper: Keeper,
  group: string,
  where: string,
  options: WaitOptions,
): Promise<LiveChildren<ChildNode, Member>> {
  return established(keeper, where, options, () => liveChildNodes(keeper, group, memberOf));
}

/** Members first come first: the same order for everybody who sees the same members. */
export function inOrder(members: Iterable<Member>): readonly Member[] {
  return [...members].sort((a, b) => {
    if (a.createRevision !== b.createRevision) return a.createRevision < b.createRevision ? -1 : 1;
    return a.id < b.id ? -1 : 1;
  });
}
