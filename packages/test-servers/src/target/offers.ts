import type { Need } from "@conclave/conformance";

/** What every server that we start ourselves can be put through. */
export const serverOffers: readonly Need[] = [
  "link",
  "halfOpen",
  "requests",
  "notifications",
  "process",
  "exit",
  "expireSession",
  "restartServer",
  "writeForeign",
];
