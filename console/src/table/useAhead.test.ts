import { act, createElement } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useAhead } from "./useAhead";

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

type Ahead = ReturnType<typeof useAhead<string>>;

interface Given {
  given: string;
  send: (v: string) => void;
  seen: (now: Ahead) => void;
}

function Field({ given, send, seen }: Given) {
  seen(useAhead(given, send));
  return null;
}

/** A field whose address says nothing at first. */
async function field() {
  const sent: string[] = [];
  let now: Ahead = ["", () => {}, () => {}];
  const root = createRoot(document.createElement("div"));
  const send = (v: string) => void sent.push(v);
  const seen = (a: Ahead) => {
    now = a;
  };
  const address = (given: string) => act(async () => root.render(createElement(Field, { given, send, seen })));
  await address("");
  return {
    sent,
    address,
    shown: () => now[0],
    set: (v: string) => act(async () => now[1](v)),
    setNow: (v: string) => act(async () => now[2](v)),
    close: () => act(async () => root.unmount()),
  };
}
const later = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

test("what is typed counts at once, and is sent after a pause, once", async () => {
  const f = await field();
  for (const v of ["w", "we", "web"]) {
    await f.set(v);
    await later(100);
  }
  expect([f.shown(), f.sent]).toEqual(["web", []]);
  await later(100);
  await f.address("web");
  await later(1000);
  expect([f.shown(), f.sent]).toEqual(["web", ["web"]]);
  await f.close();
});

test("what the address says replaces what was typed", async () => {
  const f = await field();
  await f.set("web");
  await f.address("db");
  await later(1000);
  expect([f.shown(), f.sent]).toEqual(["db", []]);
  await f.close();
});

test("what was remembered is sent at once, and not again", async () => {
  const f = await field();
  await f.setNow("web");
  expect([f.shown(), f.sent]).toEqual(["web", ["web"]]);
  await f.address("web");
  await later(1000);
  expect(f.sent).toEqual(["web"]);
  await f.close();
});

test("a field that is gone sends nothing", async () => {
  const f = await field();
  await f.set("web");
  await f.close();
  await later(1000);
  expect(f.sent).toEqual([]);
});
