import { expect, test } from "vitest";
import { auditSearch, commandOf, filterOf, rangeOf } from "./filter";

const now = new Date("2026-05-04T12:00:00Z");

test("an address that anybody wrote becomes a search, or nothing", () => {
  expect(
    auditSearch({ actor: "ann", outcome: "refused", since: "7d", until: "2026-05-01T00:00:00Z", q: "x", tenant: "acme" }),
  ).toEqual({
    actor: "ann",
    outcome: "refused",
    since: "7d",
    until: "2026-05-01T00:00:00Z",
  });
  expect(auditSearch({ outcome: "great", since: "yesterday", until: "x", actor: ["a"], resource: 42, action: "" })).toEqual({
    resource: "42",
  });
  expect(auditSearch({ filter: "x".repeat(5000) }).filter?.length).toBe(1500);
});

test("a search becomes a filter in which nothing breaks out of its quotes", () => {
  expect(filterOf({})).toBe("");
  expect(
    filterOf({ actor: `a" OR "1`, action: "UserCreate", type: "User", resource: "\\", outcome: "failed", log: "bulkhead/one" }),
  ).toBe(
    `actor_name = "a\\" OR \\"1" AND action = "UserCreate" AND resource_type = "User" AND resource = "\\\\" AND outcome = "failed" AND origin = "bulkhead/one"`,
  );
  expect(filterOf({ actor: "01a216c7-82f7-7701-93de-2d4be56c2a48", filter: 'action != "Watch"' })).toBe(
    'actor = "01a216c7-82f7-7701-93de-2d4be56c2a48" AND action != "Watch"',
  );
});

test("times are ages, times, or all", () => {
  expect(rangeOf({}, now)).toEqual({ since: new Date("2026-05-03T12:00:00Z"), until: undefined });
  expect(rangeOf({ since: "all" }, now)).toEqual({ until: undefined });
  expect(rangeOf({ since: "2026-01-01T00:00:00.000Z", until: "2026-02-01T00:00:00.000Z" }, now)).toEqual({
    since: new Date("2026-01-01T00:00:00Z"),
    until: new Date("2026-02-01T00:00:00Z"),
  });
});

test("the same can be asked for on the command line", () => {
  expect(commandOf("export", { actor: "o'hara", since: "7d" }, "acme", now)).toBe(
    `bulkhead audit export --since 168h --filter 'actor_name = "o'\\''hara"' --tenant acme`,
  );
  expect(commandOf("search", { since: "2026-01-01" }, "", now)).toBe("bulkhead audit search --since 2026-01-01T00:00:00.000Z");
});
