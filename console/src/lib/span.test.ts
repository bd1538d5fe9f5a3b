import { expect, test } from "vitest";
import { spanOf, spanText, spanWords } from "./span";

test("lengths of time are read as they are written", () => {
  for (const seconds of [0, 10, 90, 3600, 5400, 86400, 604800, 90061]) expect(spanOf(spanText(seconds))).toBe(seconds);
  expect(spanOf("1h 30m")).toBe(5400);
  for (const bad of ["5", "x", "1w", "-1s", "1.5h", "1h5"]) expect(spanOf(bad)).toBeUndefined();
});

test("lengths of time in words", () => {
  expect(spanWords(400 * 86400, "en")).toBe("400 days");
  expect(spanWords(5400, "en")).toBe("1 hour 30 minutes");
  expect(spanWords(0, "en")).toBe("0 seconds");
  expect(spanWords(90061, "en")).toBe("1 day 1 hour");
  expect(spanWords(300, "zh")).toContain("5");
});
