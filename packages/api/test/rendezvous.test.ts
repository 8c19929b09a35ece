import { expect, test } from "vitest";
import { Rendezvous } from "../src/internal/partition-owners.js";

const partitions = 1_024;

function members(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `member-${index}`);
}

test("PART-5: who joins takes its share from all, and nothing else moves; who leaves gives it back to all", () => {
  const rendezvous = new Rendezvous(partitions);
  for (const count of [1, 2, 5, 20]) {
    const before = rendezvous.owners(members(count));
    const after = rendezvous.owners(members(count + 1));
    const moved = after.filter((owner, index) => owner !== before[index]);
    expect(new Set(moved)).toEqual(new Set([`member-${count}`]));
    // About P / (n + 1): within six standard deviations.
    const share = partitions / (count + 1);
    expect(Math.abs(moved.length - share)).toBeLessThan(6 * Math.sqrt(share));
    expect(rendezvous.owners(members(count))).toEqual(before);
  }
});

test("PART-2: the owners do not depend on the order of the members, nor on who was one before", () => {
  const fresh = new Rendezvous(partitions).owners(["a", "b", "c"]);
  const other = new Rendezvous(partitions);
  other.owners(["x", "c"]);
  expect(other.owners(["c", "a", "b"])).toEqual(fresh);
});

test("PART-2: the owners are the same in every version and on every machine", () => {
  // As Python's hashlib.shake_256 has it: the greatest of the members' bytes 6i to 6i + 5, big-endian.
  expect(new Rendezvous(8).owners(["a", "b", "c"]).join("")).toBe("bbacbbcb");
});

test("without members nobody owns", () => {
  expect(new Rendezvous(2).owners([])).toEqual([undefined, undefined]);
});
