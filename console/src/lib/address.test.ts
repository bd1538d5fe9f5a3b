import { expect, test } from "vitest";
import { paramOf } from "./address";
import { before } from "./ages";

test("a parameter of an address is a short text", () => {
  expect(paramOf("web")).toBe("web");
  expect(paramOf(7)).toBe("7");
  expect(paramOf("x".repeat(1000))).toHaveLength(300);
  expect(paramOf("x".repeat(1000), 64)).toHaveLength(64);
  for (const v of ["", undefined, null, true, ["web"], { web: 1 }]) expect(paramOf(v)).toBeUndefined();
});

test("an age began so many hours ago", () => {
  expect(before("7d", Date.UTC(2026, 0, 8)).toISOString()).toBe("2026-01-01T00:00:00.000Z");
});
