import { commit, create, set } from "./commit.js";
import { enqueue, entries, leave, standingOf } from "./line.js";
import { children, get, unwatch, watch } from "./read.js";
import type { Script } from "./script.js";
import { attach, end, meet, open, reap, renew } from "./session.js";

export { commit, create, set } from "./commit.js";
export { enqueue, entries, leave, standingOf } from "./line.js";
export { children, get, unwatch, watch } from "./read.js";
export type { Script } from "./script.js";
export { attach, end, meet, open, reap, renew } from "./session.js";

/** Loaded into the server when a connection is made, so that the first use of one costs no second round trip. */
export const allScripts: readonly Script[] = [
  ...[get, children, watch, unwatch],
  ...[commit, set, create],
  ...[enqueue, standingOf, leave, entries],
  ...[meet, open, renew, reap, end, attach],
];
