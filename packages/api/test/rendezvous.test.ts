import { describe, expect, test } from "vitest";
import { murmur3 } from "../src/internal/murmur3.js";
import { RendezvousTable, rendezvous } from "../src/internal/rendezvous.js";
import { range } from "./support.js";

const keys = 10_000;

/** Names as applications give them; they differ in little. */
const namings: Record<string, (n: number) => string> = {
  "short names": (n) => `member-${n}`,
  addresses: (n) => `10.0.${n % 3}.${n}:8080`,
  "names in another script": (n) => `узел ${n} 🌍`,
  "long names": (n) => `${"region-eu-central-1/".repeat(5)}${n}`,
};

/** MurmurHash3_x86_32 once more, of integers without bound, as its author describes it. */
function plainMurmur3(text: string, seed: bigint): bigint {
  const bytes = [...new TextEncoder().encode(text)].map(BigInt);
  const word = (value: bigint) => value & 0xffff_ffffn;
  const rotated = (value: bigint, by: bigint) => word(value << by) | (value >> (32n - by));
  const mixed = (little: readonly bigint[]) => {
    const value = little.reduce((sum, byte, index) => sum + byte * 256n ** BigInt(index), 0n);
    return word(rotated(word(value * 0xcc9e2d51n), 15n) * 0x1b873593n);
  };
  let hash = seed;
  const whole = bytes.length - (bytes.length % 4);
  for (let at = 0; at < whole; at += 4) {
    hash = word(rotated(hash ^ mixed(bytes.slice(at, at + 4)), 13n) * 5n + 0xe6546b64n);
  }
  return plainScramble(hash ^ mixed(bytes.slice(whole)) ^ BigInt(bytes.length));
}

function plainScramble(bits: bigint): bigint {
  let hash = ((bits ^ (bits >> 16n)) * 0x85ebca6bn) & 0xffff_ffffn;
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2ae35n) & 0xffff_ffffn;
  return hash ^ (hash >> 16n);
}

function plainOwner(key: string, candidates: readonly string[]): string | undefined {
  const weight = (name: string) => {
    const high = plainScramble(plainMurmur3(name, 1n) ^ plainMurmur3(key, 3n));
    const low = plainScramble(plainMurmur3(name, 2n) ^ plainMurmur3(key, 4n));
    return (high << 32n) | low;
  };
  return [...candidates].sort((a, b) => (weight(a) > weight(b) ? -1 : 1))[0];
}

function owner(key: string, candidates: readonly string[]): string | undefined {
  return rendezvous(
    key,
    candidates.map((name) => [name, name]),
  );
}

test("murmur3 gives what its author's does", () => {
  // Known values of it: text, seed, hash.
  const known = [
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["a", 0x9747b28c, 0x7fa09ea6],
    ["aa", 0x9747b28c, 0x5d211726],
    ["aaa", 0x9747b28c, 0x283e0130],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["abc", 0, 0xb3dd93fa],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["ππππππππ", 0x9747b28c, 0xd58063c1],
  ] as const;
  for (const [text, seed, hash] of known) {
    expect([text, murmur3(Buffer.from(text), seed)]).toEqual([text, hash]);
    expect([text, plainMurmur3(text, BigInt(seed))]).toEqual([text, BigInt(hash)]);
  }
});

test("PART-2, DISC-8: keys belong to whom another implementation says, in every version", () => {
  for (const naming of Object.values(namings)) {
    for (const count of [1, 2, 3, 10]) {
      const names = range(count).map(naming);
      const expected = range(100).map((key) => plainOwner(String(key), names));
      expect(new RendezvousTable(100).owners(names)).toEqual(expected);
      expect(range(100).map((key) => owner(String(key), names))).toEqual(expected);
      expect(owner("user 7 ✓", names)).toBe(plainOwner("user 7 ✓", names));
    }
  }
});

describe.each(Object.entries(namings))("of 2 to 50 candidates with %s", (_, naming) => {
  const counts = range(49).map((n) => n + 2);

  test("each has its share of 10,000 keys, within five standard deviations", () => {
    const table = new RendezvousTable(keys);
    for (const count of counts) {
      const share = 1 / count;
      const deviation = Math.sqrt(keys * share * (1 - share));
      const owned = new Map<string | undefined, number>();
      for (const name of table.owners(range(count).map(naming))) owned.set(name, (owned.get(name) ?? 0) + 1);
      const off = range(count).map((n) => Math.abs((owned.get(naming(n)) ?? 0) - keys * share) / deviation);
      expect(Math.max(...off), `of ${count}`).toBeLessThan(5);
    }
  });

  test("PART-5: who joins takes its share, nothing else moves, and who leaves gives it back to all the others", () => {
    const table = new RendezvousTable(keys);
    for (const count of [1, 2, 3, 5, 10, 49]) {
      const names = range(count).map(naming);
      const before = table.owners(names);
      const after = table.owners([...names, "newcomer"]);
      const moved = range(keys).filter((key) => after[key] !== before[key]);
      expect(new Set(moved.map((key) => after[key]))).toEqual(new Set(["newcomer"]));
      // Of more, one may have so few that none of them goes.
      if (count <= 10) expect(new Set(moved.map((key) => before[key]))).toEqual(new Set(names));
      const share = 1 / (count + 1);
      const off = Math.abs(moved.length - keys * share) / Math.sqrt(keys * share * (1 - share));
      expect(off, `${moved.length} of ${count}`).toBeLessThan(5);
      expect(table.owners(names)).toEqual(before);
    }
  });
});

test("a candidate has its share of keys of its own name, too", () => {
  const names = range(1_000).map(String);
  const own = names.filter((name) => owner(name, [name, "other"]) === name).length;
  expect(Math.abs(own - 500)).toBeLessThan(5 * Math.sqrt(1_000 / 4));
});

test("PART-2: the owners do not depend on the order of the members, nor on who was one before", () => {
  const fresh = new RendezvousTable(keys).owners(["a", "b", "c"]);
  const other = new RendezvousTable(keys);
  other.owners(["x", "c"]);
  expect(other.owners(["c", "a", "b"])).toEqual(fresh);
});

test("without members nobody owns", () => {
  expect(new RendezvousTable(2).owners([])).toEqual([undefined, undefined]);
  expect(owner("key", [])).toBeUndefined();
});
