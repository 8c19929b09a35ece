export { allClauses, type Clause, clauses } from "./clauses.js";
export { type ConformanceOptions, conformance } from "./conformance.js";
export { Kit, type KitClient } from "./kit.js";
export type { CaseResult, Report, Verdict } from "./report.js";
export type { Runner } from "./runner.js";
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
