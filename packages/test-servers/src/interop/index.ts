/** Tests beside the programs of others: finding, compiling and driving them (INTEROP-1). */
export { compileGo, compileJava } from "./build.js";
export { electionCases } from "./election-cases.js";
export { runHolder } from "./holder.js";
export { Journal } from "./journal.js";
export { type ForeignProcess, startForeign } from "./lines.js";
export { lockCases } from "./lock-cases.js";
export type { FoundProgram, Program } from "./programs.js";
export { type InteropOptions, interop, type RegisterCase } from "./register.js";
export { type InteropSetUp, setUpInterop } from "./set-up.js";
export { freshPath, type InteropSetting, SHORT_SESSION_MS, settle, until } from "./setting.js";
