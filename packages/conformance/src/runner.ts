import type { Suite } from "./suite.js";

/** Registers one test. */
export type Register = (name: string, run: () => Promise<void>, timeoutMs: number) => void;

/** The part of a test runner that the suite uses; vitest, jest, mocha and node:test have it, by these names or nearly. */
export interface Runner {
  describe(name: string, define: () => void): void;
  readonly it: Register & {
    skip(name: string, run: () => Promise<void>): void;
    /** Registers a test that may run beside others of its group. Without it, or without `concurrent`, all run one by one. */
    readonly concurrent?: Register;
  };
  beforeAll(run: () => Promise<void>, timeoutMs: number): void;
  afterAll(run: () => Promise<void>, timeoutMs: number): void;
}

export type { Suite };
