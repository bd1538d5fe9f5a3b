import { expect, test } from "vitest";
import { noState, searchOf, stateOf, type TableState, tableSearch } from "./state";

const columns = new Set(["name", "kind", "last"]);

test("what a person made of a table comes back from the address", () => {
  const s: TableState = {
    q: "a, b; c",
    sort: [
      { id: "last", desc: true },
      { id: "name", desc: false },
    ],
    group: "kind",
    hidden: ["last"],
    only: { kind: ["a,b", "c:d;e\\f", "中文"], name: ["x"] },
  };
  expect(stateOf(searchOf(s), columns)).toEqual(s);
  expect(searchOf(noState)).toEqual({});
});

test("an address that somebody wrote can't name what is not there", () => {
  expect(stateOf({ sort: "-evil,name", group: "__proto__", hide: "nothing,name", only: "evil:a;:b;name" }, columns)).toEqual({
    ...noState,
    sort: [{ id: "name", desc: false }],
    hidden: ["name"],
  });
});

test("parameters of other kinds are left out or read as text", () => {
  expect(tableSearch({ q: 42, sort: { a: 1 }, group: "", hide: null, only: ["x"] })).toEqual({ q: "42" });
});
