import { expect, test } from "vitest";
import { daysLeft } from "./days";

test("days are counted as the server does: by UTC, the last day is still one of them", () => {
  const at = (s: string) => new Date(s);
  expect(daysLeft("2026-12-01", at("2026-12-01T23:59:59Z"))).toBe(0);
  expect(daysLeft("2026-12-01", at("2026-12-02T00:00:00Z"))).toBe(-1);
  expect(daysLeft("2026-12-06", at("2026-12-01T00:00:00Z"))).toBe(5);
  expect(daysLeft("2027-03-29", at("2027-03-27T12:00:00Z"))).toBe(2); // across a change of the clock
});
