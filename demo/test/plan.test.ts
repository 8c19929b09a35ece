import { expect, test } from "vitest";
import { plan } from "../src/plan.js";

const nothing = new Map<string, never>();

test("takes turns, and gives nobody more than two at once", () => {
  const { assign, withdraw } = plan({
    open: ["1", "2", "3", "4", "5"],
    workers: ["a", "b"],
    assigned: nothing,
    given: nothing,
  });
  expect(withdraw).toEqual([]);
  expect(assign.map(({ task, worker }) => task + worker)).toEqual(["1a", "2b", "3a", "4b"]);
});

test("the one that was given the least goes first", () => {
  const given = new Map([
    ["a", 3],
    ["b", 1],
  ]);
  const { assign } = plan({ open: ["1"], workers: ["a", "b"], assigned: nothing, given });
  expect(assign).toEqual([{ task: "1", worker: "b", from: undefined }]);
});

test("what a dead worker had is taken away and handed out again", () => {
  const assigned = new Map([
    ["1", "dead"],
    ["2", "a"],
  ]);
  const { assign, withdraw } = plan({ open: ["1", "2"], workers: ["a"], assigned, given: nothing });
  expect(withdraw).toEqual([{ task: "1", worker: "dead" }]);
  expect(assign).toEqual([{ task: "1", worker: "a", from: "dead" }]);
});

test("what is done is taken away and not handed out again", () => {
  const assigned = new Map([["1", "a"]]);
  expect(plan({ open: [], workers: ["a"], assigned, given: nothing })).toEqual({
    withdraw: [{ task: "1", worker: "a" }],
    assign: [],
  });
});

test("without workers nothing is handed out", () => {
  expect(plan({ open: ["1"], workers: [], assigned: nothing, given: nothing }).assign).toEqual([]);
});
