import { expect, test } from "vitest";
import { PartitionOwners } from "../src/internal/partition-owners.js";

const partitions = 1_024;

function members(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `member-${index}`);
}

test("PART-5: who joins takes its share from all, and nothing else moves; who leaves gives it back to all", () => {
  const owners = new PartitionOwners(partitions);
  for (const count of [1, 2, 5, 20]) {
    const before = owners.among(members(count));
    const after = owners.among(members(count + 1));
    const moved = after.filter((owner, index) => owner !== before[index]);
    expect(new Set(moved)).toEqual(new Set([`member-${count}`]));
    // About P / (n + 1): within six standard deviations.
    const share = partitions / (count + 1);
    expect(Math.abs(moved.length - share)).toBeLessThan(6 * Math.sqrt(share));
    expect(owners.among(members(count))).toEqual(before);
  }
});

test("PART-2: the owners do not depend on the order of the members, nor on who was one before", () => {
  const fresh = new PartitionOwners(partitions).among(["a", "b", "c"]);
  const other = new PartitionOwners(partitions);
  other.among(["x", "c"]);
  expect(other.among(["c", "a", "b"])).toEqual(fresh);
});

test("PART-2: the owners are the same in every version and on every machine", () => {
  // As Python's hashlib.shake_256 has it: the greatest of the members' bytes 6i to 6i + 5, big-endian.
  expect(new PartitionOwners(8).among(["a", "b", "c"]).join("")).toBe("bbacbbcb");
});

test("without members nobody owns", () => {
  expect(new PartitionOwners(2).among([])).toEqual([undefined, undefined]);
});
