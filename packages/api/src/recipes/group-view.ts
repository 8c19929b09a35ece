import type { ChildNode } from "../backend/operations.js";
import type { LiveChildren } from "../internal/live-children.js";
import { LiveView } from "./live-view.js";
import { inOrder, type Member } from "./member.js";

/** The live members of one group, kept up to date across sessions (GRP-3). */
export class GroupView extends LiveView<Member> {
  /** Views come from `group.view`. */
  constructor(live: LiveChildren<ChildNode, Member>) {
    super(live, inOrder);
  }

  /** The members as last known, in the order in which they came. The same array until something changes. */
  get members(): readonly Member[] {
    return this.all;
  }
}
