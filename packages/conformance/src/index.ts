export { allClauses, type Clause, clauses } from "./clauses.js";
export { type ConformanceOptions, conformance } from "./conformance.js";
export { Kit, type KitClient } from "./kit.js";
export { type Cell, type Matrix, matrixOf, printMatrix, untested } from "./matrix.js";
export { Commands, type CommandsOptions } from "./process/commands.js";
export { type CommandChannel, serveProcess } from "./process/serve.js";
export type { CaseResult, Report, Verdict } from "./report.js";
export type { Register, Runner } from "./runner.js";
export { provesItself } from "./self-proof.js";
export { type Case, type CaseOptions, type Define, type Need, type Suite, suite } from "./suite.js";
export { allSuites } from "./suites/index.js";
export type {
  ConformanceTarget,
  LinkFaults,
  TestClient,
  TestCommand,
  TestProcess,
  TestReply,
} from "./target.js";
export { operations, type PublicOperation, subjectClasses } from "./traits/operations/index.js";
