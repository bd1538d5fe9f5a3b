import { expect, test } from "vitest";
import { stepOf } from "./next";

test("one step at a time: a guard, enforcing, a profile, the lock", () => {
  expect(stepOf({ mode: "", lock: "unknown", profile: "" })).toBe("raise");
  expect(stepOf({ mode: "observe", lock: "open", profile: "baseline" })).toBe("enforce");
  expect(stepOf({ mode: "enforce", lock: "locked", profile: "none" })).toBe("profile");
  expect(stepOf({ mode: "enforce", lock: "open", profile: "baseline" })).toBe("lock");
  expect(stepOf({ mode: "enforce", lock: "unknown", profile: "restricted" })).toBe("lock");
  expect(stepOf({ mode: "enforce", lock: "locked", profile: "restricted" })).toBe("done");
});
