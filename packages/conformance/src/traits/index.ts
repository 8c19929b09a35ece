import { suite } from "../suite.js";
import { aborted } from "./aborted.js";
import { closed } from "./closed.js";
import { invalidArguments } from "./invalid-arguments.js";
import { invalidPath } from "./invalid-path.js";
import { lost } from "./lost.js";
import { tooMuchData } from "./too-much-data.js";

/** What holds for every public operation, applied to each of them. */
export const traits = suite("every operation", (test) => {
  closed(test);
  lost(test);
  aborted(test);
  invalidPath(test);
  invalidArguments(test);
  tooMuchData(test);
});
