// The types use Symbol.asyncDispose, whatever the `lib` of whoever imports them.
/// <reference lib="esnext.disposable" preserve="true" />
/** What a backend implements, and what it needs to do so. See `docs/writing-a-backend.md`. */
export { ConclaveError, type ErrorCode, type ErrorDetails, type Outcome } from "../errors.js";
export { checkDuration, maxDurationMs } from "../internal/check.js";
export { pause } from "../internal/pause.js";
export { readUntilAnswered, unknownOutcome, writeUntilAnswered } from "./answered.js";
export type { Backend, Capabilities, OpenOptions, SessionObserver } from "./backend.js";
export { type Clock, systemClock } from "./clock.js";
export type { LineEntry, LineNode, LookAhead, Neighbour, Standing, Ticket } from "./line.js";
export { Link, type LinkConnection, type LinkOptions } from "./link.js";
export type {
  CheckOperation,
  CheckResult,
  Child,
  ChildNode,
  CreateOperation,
  CreateResult,
  DeleteOperation,
  DeleteResult,
  Guard,
  Node,
  Operation,
  OperationResult,
  SetOperation,
  SetResult,
} from "./operations.js";
export { rejectUnknownOptions, showOption } from "./options.js";
export type { BackendSession, ReadOptions } from "./session.js";
export type { ChildNamesSink, ChildNodesSink, ChildrenSink, NodeSink, StopWatch } from "./watch.js";
export { unlessAborted, within } from "./within.js";
