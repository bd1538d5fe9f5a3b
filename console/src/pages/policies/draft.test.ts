import { expect, test } from "vitest";
import { kept } from "@/lib/kept";
import { draftOf, keepDraft, same } from "./draft";

test("a draft comes back as it was kept", () => {
  const draft = { base: "3", files: [{ name: "a.cedar", text: "permit" }] };
  expect(keepDraft("acme", draft)).toBe(true);
  expect(draftOf(kept("policy-draft.acme"))).toEqual(draft);
  expect(draftOf(kept("policy-draft.globex"))).toBeUndefined();
  keepDraft("acme", undefined);
  expect(draftOf(kept("policy-draft.acme"))).toBeUndefined();
});

test("what is no draft is none", () => {
  for (const bad of [
    undefined,
    null,
    1,
    "x",
    {},
    { base: 1, files: [] },
    { base: "-1", files: [] },
    { base: "1", files: [{}] },
    { base: "1", files: "x" },
  ])
    expect(draftOf(bad)).toBeUndefined();
});

test("the same files are the same", () => {
  expect(same([{ name: "a", text: "x" }], [{ name: "a", text: "x" }])).toBe(true);
  expect(same([{ name: "a", text: "x" }], [{ name: "a", text: "y" }])).toBe(false);
  expect(same([], [{ name: "a", text: "y" }])).toBe(false);
});
