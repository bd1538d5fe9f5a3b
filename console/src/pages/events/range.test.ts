import { afterEach, expect, test, vi } from "vitest";
import { eventSearch, rangeOf } from "./range";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("an address means the same span in every zone", () => {
  const of = { range: "custom", from: "2026-11-26T10:00:00.000Z", to: "2026-11-26T12:00:00.000Z" };
  for (const tz of ["UTC", "Asia/Shanghai", "America/New_York"]) {
    vi.stubEnv("TZ", tz);
    expect(rangeOf(eventSearch(of))).toEqual({ from: of.from, to: of.to });
  }
});

test("a time without a zone is the reader's, and afterwards has one", () => {
  vi.stubEnv("TZ", "Asia/Shanghai");
  expect(eventSearch({ range: "custom", from: "2026-11-26T10:00", to: "soon" })).toMatchObject({
    from: "2026-11-26T02:00:00.000Z",
    to: undefined,
  });
});
