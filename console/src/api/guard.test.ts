import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { type GuardCall, GuardCallSchema } from "@/gen/guard_pb";
import { type CallList, newer, readCalls } from "./guard";

const start = Date.parse("2026-05-04T12:00:00Z");
const call = (n: number): GuardCall =>
  create(GuardCallSchema, { id: `log/${n}`, time: timestampFromDate(new Date(start + n * 1000)), outcome: "allowed" });
const down = (from: number, to: number) => Array.from({ length: from - to }, (_, i) => call(from - i));
const ids = (rows: readonly GuardCall[]) => rows.map((c) => Number(c.id.split("/")[1]));

/** pages answers with these pages, one after another, and keeps what it was asked. */
function pages(...of: GuardCall[][]): { list: CallList; asked: { size: number; token: string; since: Date }[] } {
  const asked: { size: number; token: string; since: Date }[] = [];
  return {
    asked,
    list: async (page) => {
      asked.push(page);
      const at = page.token === "" ? 0 : Number(page.token);
      return { calls: of[at] ?? [], nextPage: at + 1 < of.length ? String(at + 1) : "" };
    },
  };
}

test("pages without a call that fits are gone through, and each part is shown", async () => {
  const { list, asked } = pages(down(3, 2), [], down(2, 0));
  const shown: number[] = [];
  const c = await readCalls(list, new Date(start), (part) => shown.push(part.rows.length));
  expect(ids(c.rows)).toEqual([3, 2, 1]);
  expect(c).toMatchObject({ whole: true, more: false });
  expect(shown).toEqual([1, 1]);
  expect(asked[0]).toMatchObject({ size: 200, token: "" });
});

test("a log without an end is not read to its end", async () => {
  let asked = 0;
  const c = await readCalls(async () => ({ calls: [], nextPage: String(++asked) }), new Date(start));
  expect(asked).toBe(60);
  expect(c).toMatchObject({ whole: true, more: true, rows: [] });
});

test("no more than a page holds is read", async () => {
  const { list } = pages(down(10, 5), down(5, 0), down(0, -5));
  const c = await readCalls(list, new Date(start), undefined, 10);
  expect(c).toMatchObject({ whole: true, more: true });
  expect(c.rows.length).toBe(10);
});

test("what is new comes before what is there, once, and with a look back for logs that come late", async () => {
  const before = { rows: down(100, 95), more: false, whole: true, readAt: 0 };
  const { list, asked } = pages([...down(103, 99), call(60)]);
  const c = await newer(before, list, new Date(start));
  expect(ids(c.rows)).toEqual([103, 102, 101, 100, 99, 98, 97, 96, 60]);
  expect(asked[0]?.since).toEqual(new Date(start + 40_000));
  expect(c.readAt).toBeGreaterThan(0);
});

test("where nothing is new, the rows are the same ones", async () => {
  const before = { rows: down(3, 0), more: true, whole: true, readAt: 0 };
  const c = await newer(before, pages(down(3, 1)).list, new Date(start));
  expect(c.rows).toBe(before.rows);
  expect(c.more).toBe(true);
});
