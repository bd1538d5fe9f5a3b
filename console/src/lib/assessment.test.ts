import { expect, test } from "vitest";
import { at, type Check, needsWork, worstFirst } from "./assessment";

test("a pointer leads to the very fact", () => {
  const doc = { containers: [{ name: "a/b", "x~y": 1 }], "": 2 };
  expect(at(doc, "/containers/0/name")).toBe("a/b");
  expect(at(doc, "/containers/0/x~0y")).toBe(1);
  expect(at({ "a/b": 3 }, "/a~1b")).toBe(3);
  expect(at(doc, "")).toBe(doc);
  expect(at(doc, "/")).toBe(2);
});

test("a pointer that leads nowhere gives nothing, also where every object has something", () => {
  for (const p of ["/containers/7", "/constructor", "/__proto__/x", "/containers/0/name/length", "/x/y/z"])
    expect(at({ containers: [{ name: "n" }] }, p)).toBeUndefined();
});

test("what needs somebody comes first", () => {
  const check = (id: string, status: string, severity: string) => ({ id, status, severity }) as Check;
  const sorted = worstFirst([
    check("a", "pass", "critical"),
    check("b", "fail", "low"),
    check("c", "warn", "high"),
    check("d", "fail", "high"),
  ]);
  expect(sorted.map((c) => c.id)).toEqual(["d", "b", "c", "a"]);
  expect(sorted.filter(needsWork).map((c) => c.id)).toEqual(["d", "b", "c"]);
});
