import type { Suite } from "./suite.js";

/** The part of a test runner that the suite uses; vitest, jest, mocha and node:test have it, by these names or nearly. */
export interface Runner {
  describe(name: string, define: () => void): void;
  it: {
    (name: string, run: () => Promise<void>, timeoutMs: number): void;
    skip(name: string, run: () => Promise<void>): void;
  };
  beforeAll(run: () => Promise<void>, timeoutMs: number): void;
  afterAll(run: () => Promise<void>, timeoutMs: number): void;
}

export type { Suite };
