import { expect, test } from "vitest";
import { decisionsOf, reasonWords, rolloutState } from "./Rollouts";

const id = "01a216da-31c4-776b-9346-7aca862d6d73";
const by = (name: string) => `decided by ${name}`;
const nameOf = (s: string) => (s === id ? "ann" : s);

test("who decided is named", () => {
  expect(reasonWords(`${id}: looking at web-1`, nameOf, by)).toBe("ann: looking at web-1");
  expect(reasonWords(id, nameOf, by)).toBe("decided by ann");
  expect(reasonWords("3 new findings, more than 10 %", nameOf, by)).toBe("3 new findings, more than 10 %");
});

test("only what is open can be decided on", () => {
  expect(decisionsOf("running")).toEqual(["halt", "roll_back"]);
  expect(decisionsOf("halted")).toEqual(["resume", "roll_back"]);
  for (const over of ["done", "rolled_back", "superseded"]) expect(decisionsOf(over)).toEqual([]);
  expect(rolloutState("something new")).toBe("running");
});
