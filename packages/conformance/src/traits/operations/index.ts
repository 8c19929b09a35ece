import { barrierOperations } from "./barriers.js";
import { discoveryOperations } from "./discovery.js";
import { lineOperations } from "./lines.js";
import { nodeOperations } from "./nodes.js";
import type { PublicOperation } from "./operation.js";
import { valueOperations } from "./values.js";
import { workOperations } from "./work.js";

export { type Input, type PublicOperation, run } from "./operation.js";
export { type Owner, ownersOfSession, type Subjects, subjectClasses, subjectsOf } from "./subjects.js";

/** Every public operation there is; a unit test compares it with `subjectClasses`. */
export const operations: readonly PublicOperation[] = [
  ...nodeOperations,
  ...lineOperations,
  ...discoveryOperations,
  ...barrierOperations,
  ...valueOperations,
  ...workOperations,
];
