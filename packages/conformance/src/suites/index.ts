import type { Suite } from "../suite.js";

/** All suites, in the order in which a reader would want to see them fail. */
export const allSuites: readonly Suite[] = [];
