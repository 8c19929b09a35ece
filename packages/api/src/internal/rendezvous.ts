import { murmur3, scramble } from "./murmur3.js";

/*
 * Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998): a key belongs to the candidate
 * that has the highest weight for it. All who see the same candidates come to the same one, in whatever order they see them; when a
 * candidate goes only its own keys move, and when one comes keys move only to it.
 *
 * The weights must be the same in every version: processes of two versions share keys while an application is rolled out.
 */

interface Digest {
  readonly high: number;
  readonly low: number;
}

/** Candidates and keys have seeds of their own: alike, a candidate would have weight 0 for the key of its name. */
const seeds = { candidate: [1, 2], key: [3, 4] } as const;

function digest(text: string, [high, low]: readonly [number, number]): Digest {
  const bytes = Buffer.from(text);
  return { high: murmur3(bytes, high), low: murmur3(bytes, low) };
}

/** 53 bits, which a number holds exactly. */
function weight(candidate: Digest, key: Digest): number {
  return scramble(candidate.high ^ key.high) * 2 ** 21 + (scramble(candidate.low ^ key.low) >>> 11);
}

/** Whether a candidate comes before the one that leads so far. Of two with one weight it is the one whose name sorts first. */
function leads(weight: number, name: string, leading: number, leader: string | undefined): boolean {
  return weight > leading || (weight === leading && leader !== undefined && name < leader);
}

/** The candidate that a key belongs to; `undefined` when there is none. O(number of candidates). */
export function rendezvous<T>(key: string, candidates: Iterable<readonly [string, T]>): T | undefined {
  const keyDigest = digest(key, seeds.key);
  let leading = -1;
  let best: { readonly name: string; readonly value: T } | undefined;
  for (const [name, value] of candidates) {
    const candidateWeight = weight(digest(name, seeds.candidate), keyDigest);
    if (!leads(candidateWeight, name, leading, best?.name)) continue;
    leading = candidateWeight;
    best = { name, value };
  }
  return best?.value;
}

/**
 * The same for the keys `"0"`, `"1"`, ... `"<count - 1>"` and a set of candidates that changes little: whoever was among them the last
 * time is not weighed again. O(count) for each candidate.
 */
export class RendezvousTable {
  readonly #keys: readonly Digest[];
  #weights = new Map<string, Float64Array>();

  constructor(count: number) {
    this.#keys = Array.from({ length: count }, (_, key) => digest(String(key), seeds.key));
  }

  /** The candidate that each key belongs to; `undefined` when there is none. */
  owners(candidates: Iterable<string>): readonly (string | undefined)[] {
    const known = this.#weights;
    // Those who are gone are forgotten.
    this.#weights = new Map();
    const count = this.#keys.length;
    const owners = new Array<string | undefined>(count).fill(undefined);
    const highest = new Float64Array(count).fill(-1);
    for (const name of candidates) {
      const weights = known.get(name) ?? this.#weightsOf(name);
      this.#weights.set(name, weights);
      for (const [key, leading] of highest.entries()) {
        const own = weights[key] ?? -1;
        if (!leads(own, name, leading, owners[key])) continue;
        highest[key] = own;
        owners[key] = name;
      }
    }
    return owners;
  }

  #weightsOf(name: string): Float64Array {
    const candidate = digest(name, seeds.candidate);
    return Float64Array.from(this.#keys, (key) => weight(candidate, key));
  }
}
