import type { Clause } from "./clauses.js";
import type { Case } from "./suite.js";

/** What of a backend a clause stands on, for the author of one who sees a case of it fail. */
const standsOn: Partial<Record<Clause, string>> = {
  "NODE-2": "the error of `commit`: `NO_NODE` names the parent, not the node",
  "NODE-3": "`commit`, `enqueue`: whether the parent is ephemeral is judged in the same commit",
  "NODE-4": "`commit`: that the parent is there, or that there are no children, is judged in the same commit",
  "NODE-5":
    "`commit`: `ifVersion` is judged in the same commit; the version that the result says is that of this commit",
  "NODE-6": "`createRevision`, `modRevision`: of the store's order of commits, never of a node or a name",
  "NODE-7": "`commit` of a sequential create: one request; `sequence` in its result and in each listing",
  "NODE-10": "`get`, `children`: keys that this backend did not write",
  "READ-1": "`get`, `children`: after a reconnection to another server too",
  "READ-2": "`linearizable` of the reads; reads of one server's memory, or of a cache, are not",
  "TXN-1": "`commit` of several operations; the `operation` of its error is the index of the one that failed",
  "TXN-2": "`commit` of several operations: one commit of the store",
  "SES-1": "`timeoutMs`: what the store granted",
  "SES-2": "`renew`: it reaches the store at each call; `timeoutMs`, `openedAtMs`",
  "SES-3":
    "`openedAtMs`, what `renew` resolves with (when the acknowledged request was SENT), `timeoutMs`, `observer.disconnected`",
  "SES-4": "`abandon`: nothing is sent afterwards, nor what waited for contact",
  "SES-5":
    "`commit`, `enqueue`, `standing`: the store judges in the same request whether the session is still alive",
  "SES-6": "`close`; how ephemeral nodes hang on the session; the `expiryBoundMs` of the target",
  "SES-7": "reconnecting with the same session; `renew`, which gives up a connection that does not answer",
  "SES-8": "reconnecting after the server was away; `capabilities.durable`",
  "SES-9": "`observer`: each break is told once, as soon as it is noticed",
  "SES-10": "`open` and its signal, `close`, `abandon`: they leave no timer, socket or listener",
  "OUT-1":
    'the outcome of `CONNECTION_LOST`: "unknown" for what may have been sent; a store\'s client that repeats writes by itself',
  "OUT-2": "reads reject with `CONNECTION_LOST` when contact breaks; the facade repeats them",
  "OUT-3":
    "`commit` of sequential or ephemeral creates, and `enqueue`: after a lost reply they wait for contact and find out",
  "WATCH-1": "`watch...`: the first report comes also for a node that is not there",
  "WATCH-2": "`watch...`: reports in the order of the store, those of one commit too",
  "WATCH-3":
    "`watch...`: reports in the order of the store; a state is read before, and applied after, nothing else",
  "WATCH-4":
    "`watch...`: on each new connection, and after a gap, the state is read again and reported whole",
  "WATCH-5": "`watch...`: what they return ends them, here and at the store",
  "WATCH-6": "`watch...`: events from the revision after that of the state that was read",
  "WATCH-7": "`watch...`: a sink's watch is its own",
  "LEAD-2": "`createRevision` of a ticket",
  "LEAD-4": "the guard of `commit`: the entry's create revision and its owner are judged in the same commit",
  "LEAD-5": "`ahead` of `enqueue` and `standing`: nearest first, `limit` of them, only entries",
  "LEAD-7": "`leave`: the very entry, by its create revision",
  "LEAD-8":
    "`standing`: rejects with `SESSION_LOST`, instead of saying that the entry is gone, when the session is over at the store",
  "SEM-2": "`ahead`, and `followed`, of a ticket; `label` of a neighbour",
};

const recipe =
  "a recipe, written once above the backend: see first to the cases of nodes, reads, sessions, outcomes and watches, then to `enqueue`, `standing`, `leave`, `entries` and the guard of `commit`";

/** The error, whose message now also says what of a backend the case stands on. */
export function advised({ clause, title }: Pick<Case, "clause" | "title">, error: unknown): unknown {
  if (!(error instanceof Error)) return new Error(`${clause} ${title}: ${String(error)}`, { cause: error });
  const { message, stack } = error;
  const more = `${message}\n\n${clause} stands on: ${standsOn[clause] ?? recipe}.\n`;
  try {
    error.message = more;
    if (stack?.includes(message)) error.stack = stack.replace(message, () => more);
  } catch {
    // Frozen: as it was.
  }
  return error;
}
