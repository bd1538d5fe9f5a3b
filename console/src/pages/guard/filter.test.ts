import { expect, test } from "vitest";
import { callSearch, filterOf, outcomeOf, rulesOf, sinceOf } from "./filter";

test("an address that anybody wrote becomes a search, or nothing", () => {
  expect(
    callSearch({ outcome: "would_refuse", since: "7d", actor: "alice", object: 42, q: "x", call: "bulkhead/node/n/7" }),
  ).toEqual({
    outcome: "would_refuse",
    since: "7d",
    actor: "alice",
    object: "42",
    call: "bulkhead/node/n/7",
  });
  expect(callSearch({ outcome: "great", since: "yesterday", actor: ["a"], node: "", rule: {} })).toEqual({});
  expect(callSearch({ rule: "x".repeat(5000) }).rule?.length).toBe(300);
});

test("a search becomes a filter in which nothing breaks out of its quotes", () => {
  expect(filterOf({})).toBe("");
  expect(filterOf({ since: "7d", call: "x/1" })).toBe("");
  expect(
    filterOf({
      node: "n",
      actor: `a" OR "1`,
      action: "ContainerExec",
      type: "Container",
      object: "\\",
      outcome: "refused",
      rule: "a/b",
    }),
  ).toBe(
    `node = "n" AND actor = "a\\" OR \\"1" AND action = "ContainerExec" AND resource_type = "Container" AND resource = "\\\\" AND outcome = "refused" AND rule = "a/b"`,
  );
});

test("without a choice the last day is meant", () => {
  const now = Date.parse("2026-05-04T12:00:00Z");
  expect(sinceOf({}, now)).toEqual(new Date("2026-05-03T12:00:00Z"));
  expect(sinceOf({ since: "7d" }, now)).toEqual(new Date("2026-04-27T12:00:00Z"));
});

test("a call that enforcement would refuse is told apart from one that is in order", () => {
  expect(outcomeOf({ outcome: "allowed", wouldRefuse: [] })).toBe("allowed");
  expect(outcomeOf({ outcome: "allowed", wouldRefuse: ["profile_baseline/privileged"] })).toBe("would_refuse");
  expect(outcomeOf({ outcome: "refused", wouldRefuse: ["x"] })).toBe("refused");
  expect(outcomeOf({ outcome: "", wouldRefuse: [] })).toBe("unknown");
});

test("the rules of a call are those that refused it, or else those that would have", () => {
  expect(rulesOf({ rule: "profile_baseline/privileged, profile_baseline/devices", wouldRefuse: [] })).toEqual([
    "profile_baseline/privileged",
    "profile_baseline/devices",
  ]);
  expect(rulesOf({ rule: "", wouldRefuse: ["profile_restricted/root"] })).toEqual(["profile_restricted/root"]);
});
