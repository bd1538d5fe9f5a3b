import { expect, test } from "vitest";
import { all, quoted, where } from "./lists";

test("a list is read to its end", async () => {
  const asked: string[] = [];
  const got = await all(async (p) => {
    asked.push(`${p.size} ${p.token}`);
    return p.token === "" ? { items: [1, 2], nextPage: "x" } : { items: [3], nextPage: "" };
  });
  expect(got).toEqual({ rows: [1, 2, 3], more: false });
  expect(asked).toEqual(["1000 ", "1000 x"]);
});

test("no more is read than a browser can hold, and that is said", async () => {
  const got = await all(async (p) => ({ items: Array.from({ length: p.size }, (_, i) => i), nextPage: "more" }), "", 1500);
  expect(got.rows.length).toBe(1500);
  expect(got.more).toBe(true);
});

test("a value can't leave its quotes", () => {
  expect(where(`name = ${quoted('a" AND b = "\\')}`, undefined, "", "over = false")).toBe(
    'name = "a\\" AND b = \\"\\\\" AND over = false',
  );
});
