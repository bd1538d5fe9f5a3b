import { act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useHour, useNow } from "./useNow";

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers({ now: new Date("2026-11-26T23:30:00Z") });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function Page({ use, seen }: { use: () => number; seen: string[] }) {
  seen.push(new Date(use()).toISOString());
  return null;
}

/** What a page that is left open was made with, one after the other. */
async function shown(use: () => number) {
  const seen: string[] = [];
  const root = createRoot(document.createElement("div"));
  await act(async () => root.render(createElement(Page, { use, seen })));
  return { seen, close: () => act(async () => root.unmount()) };
}
const later = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

test("a page that stays open goes on with the hour, and no more often", async () => {
  const { seen, close } = await shown(useHour);
  await later(60_000);
  expect(seen.at(-1)).toBe("2026-11-26T23:00:00.000Z");
  const before = seen.length;
  await later(20 * 60_000);
  expect(seen.length).toBe(before);
  await later(10 * 60_000);
  expect(seen.slice(before)).toEqual(["2026-11-27T00:00:00.000Z"]);
  await close();
});

test("a clock that nobody read is right for the next who does", async () => {
  const now = () => useNow().getTime();
  await (await shown(now)).close();
  vi.setSystemTime(new Date("2026-11-27T08:00:00Z"));
  const { seen, close } = await shown(now);
  expect(seen.at(-1)).toBe("2026-11-27T08:00:00.000Z");
  await close();
});
