import { afterEach, expect, test, vi } from "vitest";
import { absolute, local, relative, timeOf } from "./time";

const now = new Date("2026-11-26T12:00:00Z");
const ago = (s: number) => new Date(now.getTime() - s * 1000);

test("how long ago, in the unit that fits", () => {
  expect(relative(ago(5), now, "en")).toBe("5 sec. ago");
  expect(relative(ago(59.6), now, "en")).toBe("1 min. ago");
  expect(relative(ago(3 * 3600), now, "en")).toBe("3 hr. ago");
  expect(relative(ago(86400), now, "en")).toBe("yesterday");
  expect(relative(ago(-3), now, "en")).toBe("now");
  expect(relative(ago(-120), now, "en")).toBe("in 2 min.");
  expect(relative(ago(400 * 86400), now, "en")).toBe("last yr.");
  expect(relative(ago(3 * 3600), now, "zh")).toContain("3小时前");
});

test("a time has its zone", () => {
  expect(absolute(now, "en", "Europe/Berlin")).toMatch(/13:00:00.*GMT\+1/);
  expect(absolute(now, "en", "UTC")).toMatch(/12:00:00 UTC/);
  expect(absolute(now, "en", "Asia/Kolkata")).toMatch(/17:30:00.*GMT\+5:30/);
  expect(absolute(new Date("2026-11-26T18:30:00Z"), "en", "Asia/Kolkata")).toMatch(/27.*00:00:00/); // midnight is no 24 o'clock
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test("a time of an address is the same everywhere, and its field has the reader's clock", () => {
  const at = "2026-05-04T12:34:00.000Z";
  for (const [tz, shown] of [
    ["UTC", "2026-05-04T12:34"],
    ["Asia/Shanghai", "2026-05-04T20:34"],
    ["America/New_York", "2026-05-04T08:34"],
  ]) {
    vi.stubEnv("TZ", tz);
    expect(local(timeOf(at))).toBe(shown);
    expect(timeOf(shown)?.toISOString()).toBe(at);
    expect(local(timeOf("0002-05-04T12:34"))).toBe("0002-05-04T12:34"); // a year on the way to be typed
  }
  expect(local(timeOf("never"))).toBe("");
});
