import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { type Item, type List, read, type Stock, update } from "./inventory";

const at = new Date("2026-01-02T03:04:05Z");
const item = (id: string, gone = false): Item => ({ id, node: "n", gone: gone ? timestampFromDate(at) : undefined });

test("parts are shown as they come, the first one soon", async () => {
  const asked: number[] = [];
  const list: List<Item> = async (p) => {
    asked.push(p.size);
    const n = asked.length;
    return { items: [item(String(n))], nextPage: n < 3 ? String(n) : "", readAt: timestampFromDate(new Date(at.getTime() + n)) };
  };
  const shown: number[] = [];
  const got = await read(list, "", (s) => shown.push(s.rows.length));
  expect(asked).toEqual([200, 5000, 5000]);
  expect(shown).toEqual([1, 2]);
  expect(got.rows.length).toBe(3);
  expect(got.whole).toBe(true);
  expect(got.readAt?.getTime()).toBe(at.getTime() + 1); // what changed while it was read is not missed
});

test("what changed is put in its place, what went is left out, unless it is wanted", async () => {
  const before: Stock<Item> = { rows: [item("a"), item("b"), item("c")], more: false, whole: true, readAt: at, began: 0 };
  const asked: string[] = [];
  const fresh = item("b");
  const list: List<Item> = async (p) => {
    asked.push(p.filter);
    return { items: [fresh, item("c", true), item("d"), item("e", true)], nextPage: "" };
  };
  const now = await update(before, list, false);
  expect(asked).toEqual(['updated >= "2026-01-02T03:03:05.000Z"']);
  expect(now.rows.map((r) => r.id)).toEqual(["a", "b", "d"]);
  expect(now.rows[1]).toBe(fresh);
  expect((await update(before, list, true)).rows.map((r) => r.id)).toEqual(["a", "b", "c", "d", "e"]);
});

test("where nothing changed, the rows are the very same", async () => {
  const before: Stock<Item> = { rows: [item("a")], more: false, whole: true, readAt: at, began: 0 };
  expect((await update(before, async () => ({ items: [], nextPage: "" }), false)).rows).toBe(before.rows);
});
