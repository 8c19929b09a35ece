import { suite } from "../suite.js";
import { exclusiveCases } from "./exclusive.js";

export const lock = suite("lock", (test) => {
  exclusiveCases(test, {
    what: "lock",
    of: (coordinator) => coordinator.lock("/l"),
    within: (coordinator, work) => coordinator.lock("/l").withLock(work),
  });
});
