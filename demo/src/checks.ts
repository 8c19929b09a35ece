import type { Entry, EntryOf, Life } from "./facts.js";
import type { Result } from "./layout.js";
import { expectedResult } from "./task.js";

/** What the store held at the end. */
export interface StoreContents {
  /** The texts of all tasks. */
  readonly tasks: ReadonlyMap<string, string>;
  readonly results: ReadonlyMap<string, Result>;
  readonly leaderToken: bigint | undefined;
}

export interface Evidence {
  readonly entries: readonly Entry[];
  readonly store: StoreContents;
  /** Every task that the director published. */
  readonly published: readonly string[];
  /** How long the store may take to notice a death, beyond the session timeout. */
  readonly expiryBoundMs: number;
}

export interface Check {
  readonly title: string;
  readonly holds: boolean;
  readonly figures: string;
}

type Checker = (evidence: Evidence) => Check;

/** Judges what was recorded and what the store holds: nothing else. */
export function judge(evidence: Evidence): readonly Check[] {
  const checkers: readonly Checker[] = [
    oneLeaderAtATime,
    tokensGrow,
    failoverWithinBound,
    handedOutAgain,
    noTaskLost,
    backAsFollower,
  ];
  return checkers.map((check) => check(evidence));
}

/** From when a worker believed that it led until it no longer did, or was dead. */
interface Claim extends Life {
  readonly fromMs: number;
  /** Infinite for whoever still leads. */
  readonly toMs: number;
}

export const oneLeaderAtATime: Checker = ({ entries }) => {
  const title = "one leader at a time";
  const claims = ofType(entries, "elected")
    .map((elected) => claimOf(elected, entries))
    .sort((a, b) => a.fromMs - b.fromMs);
  const gapsMs = claims.slice(1).map((claim, index) => claim.fromMs - latestEnd(claims.slice(0, index + 1)));
  const overlaps = gapsMs.filter((gapMs) => gapMs < 0).length;
  if (claims.length < 2)
    return { title, holds: false, figures: `only ${claims.length} claim: nobody took over` };
  const figures =
    overlaps === 0
      ? `${claims.length} claims, at least ${ms(Math.min(...gapsMs))} between one and the next`
      : `${overlaps} of ${claims.length} claims began while another leader still believed in its own`;
  return { title, holds: overlaps === 0, figures };
};

export const tokensGrow: Checker = ({ entries, store }) => {
  const title = "fencing tokens grow";
  const elections = [...ofType(entries, "elected")].sort((a, b) => a.atMs - b.atMs);
  const tokens = elections.map(({ token }) => token);
  const grow = tokens.every((token, index) => index === 0 || token > (tokens[index - 1] ?? token));
  const strangers = [...store.results].filter(([, { token }]) => !tokens.includes(token)).length;
  const last = tokens.at(-1);
  const isLast = last !== undefined && store.leaderToken === last;
  const figures = [
    tokens.join(grow ? " < " : ", "),
    strangers === 0 ? "every result bears one of them" : `${strangers} results bear none of them`,
    isLast ? "the store names the last" : `the store names ${store.leaderToken ?? "none"}`,
  ].join("; ");
  return { title, holds: tokens.length > 1 && grow && strangers === 0 && isLast, figures };
};

export const failoverWithinBound: Checker = ({ entries, expiryBoundMs }) => {
  const title = "failover in time";
  const killed = ofType(entries, "killed")[0];
  if (killed === undefined) return { title, holds: false, figures: "nobody was killed" };
  const timeoutMs = ofType(entries, "session").find((entry) => isSameLife(entry, killed))?.timeoutMs;
  const successor = ofType(entries, "elected").find(({ atMs }) => atMs >= killed.atMs);
  if (timeoutMs === undefined || successor === undefined) {
    return { title, holds: false, figures: "nobody took over" };
  }
  const tookMs = successor.atMs - killed.atMs;
  const boundMs = timeoutMs + expiryBoundMs;
  const figures = `${ms(tookMs)} from the death to the next leader; bound: session timeout ${ms(timeoutMs)} + ${ms(expiryBoundMs)}`;
  return { title, holds: tookMs <= boundMs, figures };
};

export const handedOutAgain: Checker = ({ entries, store }) => {
  const title = "unfinished work passed on";
  const killed = ofType(entries, "killed")[0];
  if (killed === undefined) return { title, holds: false, figures: "nobody was killed" };
  const { worker } = killed;
  const assignments = ofType(entries, "assigned");
  const had = assignments.filter(({ to, atMs }) => to === worker && atMs <= killed.atMs);
  const finished = new Set(
    ofType(entries, "done")
      .filter((done) => isSameLife(done, killed))
      .map(({ task }) => task),
  );
  // A worker may die between writing a result and saying so.
  const left = had.filter(({ task }) => !finished.has(task) && !isResultOf(killed, task, store, entries));
  const again = assignments.filter(({ atMs, from }) => atMs > killed.atMs && from === worker);
  const forgotten = left.filter(({ task }) => !again.some((later) => later.task === task));
  const figures =
    forgotten.length === 0
      ? `tasks that ${worker} left: ${again.length}, all handed out again`
      : `forgotten: ${forgotten.map(({ task }) => task).join(" ")}, which ${worker} left`;
  return { title, holds: again.length > 0 && forgotten.length === 0, figures };
};

export const noTaskLost: Checker = ({ store, published }) => {
  const title = "no task lost";
  const missing = published.filter((task) => !store.results.has(task));
  const wrong = published.filter((task) => {
    const result = store.results.get(task)?.result;
    const text = store.tasks.get(task);
    return result !== undefined && (text === undefined || result !== expectedResult(text));
  });
  const right = published.length - missing.length - wrong.length;
  const figures = [
    `${right} of ${published.length} tasks have their right result in the store`,
    ...(missing.length > 0 ? [`missing: ${missing.join(" ")}`] : []),
    ...(wrong.length > 0 ? [`wrong: ${wrong.join(" ")}`] : []),
  ].join("; ");
  return { title, holds: published.length > 0 && right === published.length, figures };
};

export const backAsFollower: Checker = ({ entries }) => {
  const title = "the old leader came back as a follower";
  const killed = ofType(entries, "killed")[0];
  if (killed === undefined) return { title, holds: false, figures: "nobody was killed" };
  const { worker } = killed;
  const later = entries.filter((entry) => entry.worker === worker && entry.life > killed.life);
  const follows = ofType(later, "follows").at(-1);
  const done = ofType(later, "done").length;
  if (later.length === 0) return { title, holds: false, figures: `${worker} did not come back` };
  if (ofType(later, "elected").length > 0)
    return { title, holds: false, figures: `${worker} took the lead again` };
  const figures = `${worker} follows ${follows?.leader ?? "nobody"} and did its share: ${done} of the tasks`;
  return { title, holds: follows !== undefined && follows.leader !== worker && done > 0, figures };
};

function claimOf(elected: EntryOf<"elected">, entries: readonly Entry[]): Claim {
  const ends = entries.filter(
    (entry) =>
      isSameLife(entry, elected) &&
      (entry.type === "killed" || (entry.type === "deposed" && entry.token === elected.token)),
  );
  const toMs = Math.min(Number.POSITIVE_INFINITY, ...ends.map(({ atMs }) => atMs));
  return { worker: elected.worker, life: elected.life, fromMs: elected.atMs, toMs };
}

function latestEnd(claims: readonly Claim[]): number {
  return Math.max(...claims.map(({ toMs }) => toMs));
}

/** Whether the dead wrote the result before its death: nobody did the task anew in its name. */
function isResultOf(dead: Life, task: string, store: StoreContents, entries: readonly Entry[]): boolean {
  const isRedone = ofType(entries, "took").some(
    (took) => took.worker === dead.worker && took.life > dead.life && took.task === task,
  );
  return store.results.get(task)?.worker === dead.worker && !isRedone;
}

function isSameLife(a: Life, b: Life): boolean {
  return a.worker === b.worker && a.life === b.life;
}

function ofType<Type extends Entry["type"]>(entries: readonly Entry[], type: Type): EntryOf<Type>[] {
  return entries.filter((entry): entry is EntryOf<Type> => entry.type === type);
}

function ms(value: number): string {
  return `${Math.round(value).toLocaleString("en")} ms`;
}
