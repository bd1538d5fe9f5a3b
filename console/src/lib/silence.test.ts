import type { TFunction } from "i18next";
import { expect, test } from "vitest";
import { silenceOf } from "./silence";

const t = ((key: string) => key) as unknown as TFunction;

test("every reason of the server has words, and others stay readable text", () => {
  const reasons = ["said so", "process gone", "host gone", "network cut", "asking", "unknown"]; // model/fleet.go
  for (const r of reasons) expect(silenceOf(t, r)).toMatch(/^common\.silence\.[a-z]+$/);
  expect(new Set(reasons.map((r) => silenceOf(t, r))).size).toBe(reasons.length);
  expect(silenceOf(t, "")).toBe("");
  expect(silenceOf(t, "moon \u202efull")).toBe("moon \\u202efull");
});
