import { expect, test } from "vitest";
import { addressOf, isEmpty, noState, searchOf, stateOf, type TableSearch, type TableState, tableSearch, viewOf } from "./state";

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

test("an empty value can be wanted, alone and with others", () => {
  for (const kind of [[""], ["", "x"], ["x", ""]]) {
    const s: TableState = { ...noState, only: { kind, name: ["y"] } };
    expect(stateOf(searchOf(s), columns)).toEqual(s);
  }
  expect(searchOf({ ...noState, only: { kind: [] } })).toEqual({});
  expect(stateOf({ only: "kind:;;name" }, columns).only).toEqual({ kind: [""] });
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

const shown = [{ id: "name" }, { id: "kind" }, { id: "last", hidden: true }];
const initial = { group: "kind", sort: "-last" };

test("what an address says of other things leaves a table as it is at first", () => {
  for (const search of [{}, { tenant: "acme" }, { view: "new" }, { tenant: "acme", view: "mine", q: undefined }] as TableSearch[]) {
    expect(isEmpty(search)).toBe(true);
    expect(viewOf(search, shown, initial)).toEqual({
      ...noState,
      group: "kind",
      sort: [{ id: "last", desc: true }],
      hidden: ["last"],
    });
  }
  expect(viewOf({ tenant: "acme" } as TableSearch, shown)).toEqual({ ...noState, hidden: ["last"] });
});

test("an address that says something of a table says all of it", () => {
  expect(isEmpty({ only: "kind:a" })).toBe(false);
  expect(viewOf({ only: "kind:a" }, shown, initial)).toEqual({ ...noState, only: { kind: ["a"] }, hidden: ["last"] });
});

test("who chooses no group, no order and all columns gets them, also where others are usual", () => {
  const nothing = addressOf(noState, shown, initial);
  expect(nothing).toEqual({ group: "-", sort: "-", hide: "-" });
  expect(viewOf(nothing, shown, initial)).toEqual(noState);
  expect(addressOf({ ...noState, hidden: ["last"] }, shown)).toEqual({});
});

test("any view comes back from its address", () => {
  const views: TableState[] = [
    { ...noState, q: "web", hidden: ["last"] },
    { ...noState, group: "kind", hidden: ["last"] },
    { ...noState, group: "name", sort: [{ id: "name", desc: false }], hidden: [] },
    { ...noState, only: { kind: ["x"] }, hidden: ["name", "last"] },
  ];
  for (const v of views) for (const at of [{}, initial]) expect(viewOf(addressOf(v, shown, at), shown, at)).toEqual(v);
});
