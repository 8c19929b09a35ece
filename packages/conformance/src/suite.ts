import type { Capabilities } from "@conclave/api";
import type { Clause } from "./clauses.js";
import type { Kit } from "./kit.js";

/** What a test needs of the target beyond `client()`: a fault, or a way to look. */
export type Need =
  | "link"
  | "halfOpen"
  | "requests"
  | "notifications"
  | "process"
  | "exit"
  | "expireSession"
  | "restartServer"
  | "compact"
  | "writeForeign";

export interface Case {
  readonly clause: Clause;
  readonly title: string;
  readonly needs: readonly Need[];
  /** Runs only where the capabilities are so. One case then states the clause, another the documented alternative. */
  readonly when: ((capabilities: Capabilities) => boolean) | undefined;
  /** This case proves the documented alternative of a backend that declares the clause weaker. */
  readonly weaker: boolean;
  /** Time limit, in session timeouts beyond the base allowance. */
  readonly timeouts: number;
  /** Never runs beside other cases, because its fault hits them too. */
  readonly alone: boolean;
  run(kit: Kit): Promise<void>;
}

export interface Suite {
  readonly name: string;
  readonly cases: readonly Case[];
}

export interface CaseOptions {
  readonly needs?: readonly Need[];
  readonly when?: (capabilities: Capabilities) => boolean;
  readonly weaker?: boolean;
  readonly timeouts?: number;
  /** Default: whether it needs a fault of the whole server. */
  readonly alone?: boolean;
}

const faultsOfTheServer: readonly Need[] = ["restartServer", "compact"];

type Run = (kit: Kit) => Promise<void>;

/** Adds a case to the suite that is being defined. */
export type Define = (clause: Clause, title: string, ...rest: [Run] | [CaseOptions, Run]) => void;

/** Defines a suite. */
export function suite(name: string, define: (test: Define) => void): Suite {
  const cases: Case[] = [];
  define((clause, title, ...rest) => {
    const [options, run] = rest.length === 2 ? rest : [{}, rest[0]];
    const { needs = [], when, weaker = false, timeouts = 10 } = options as CaseOptions;
    const { alone = needs.some((need) => faultsOfTheServer.includes(need)) } = options as CaseOptions;
    cases.push({ clause, title, needs, when, weaker, timeouts, alone, run });
  });
  return { name, cases };
}
