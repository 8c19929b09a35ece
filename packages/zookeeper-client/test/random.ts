/** A seeded generator (Marsaglia's xorshift), so that a failure can be had again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** An integer from 0 up to, not including, `bound`. */
  below(bound: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % bound;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Uint8Array.from({ length }, () => this.below(256)));
  }

  one<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }
}

/** The seed of this run: `FUZZ_SEED`, or a new one, which is printed. */
export function seedOf(name: string): number {
  const given = process.env.FUZZ_SEED;
  const seed = given === undefined ? Math.floor(Math.random() * 0x7fff_ffff) : Number(given);
  process.stderr.write(`${name}: FUZZ_SEED=${seed}\n`);
  return seed;
}
