import { allSuites, operations, subjectClasses, untested } from "@conclave/conformance";
import { expect, test } from "vitest";

test("every clause has a case", () => {
  expect(untested(allSuites)).toEqual([]);
});

test("a clause without a case is found out", () => {
  const withoutSessions = allSuites.map(({ name, cases }) => ({
    name,
    cases: cases.filter(({ clause }) => clause !== "SES-8"),
  }));
  expect(untested(withoutSessions)).toEqual(["SES-8"]);
});

test("no two cases of one clause have the same title", () => {
  const titles = allSuites.flatMap(({ cases }) => cases.map(({ clause, title }) => `${clause} ${title}`));
  // Cases for different capabilities may state the same thing, but not in the same words.
  expect(titles.length).toBe(new Set(titles).size);
});

/** For whoever extends these classes, not for whoever uses them. */
const hooks = ["constructor", "commit", "read", "attach", "checkAlive", "giveUp", "firstRead", "within"];

test.each(Object.entries(subjectClasses))(
  "every public method of %s is in the table of operations",
  (owner, type) => {
    const methods = new Set<string>();
    for (let level = type.prototype; level !== Object.prototype; level = Object.getPrototypeOf(level)) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
        if (typeof value === "function" && !hooks.includes(name)) methods.add(name);
      }
    }
    const inTable = operations.filter((operation) => operation.owner === owner).map(({ method }) => method);
    expect([...new Set(inTable)].sort()).toEqual([...methods].sort());
  },
);
