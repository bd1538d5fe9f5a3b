import { expect, test } from "vitest";
import type { Column } from "./columns";
import { csv, field, json } from "./export";

test("what a program would compute is text", () => {
  for (const evil of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1"])
    expect(field(evil).replace(/^"/, "")).toMatch(/^'/);
  expect(field("a=b")).toBe("a=b");
  expect(field(-3)).toBe("-3");
});

test("commas, quotes and lines stay in their field", () => {
  expect(field('a,"b"\nc')).toBe('"a,""b""\nc"');
  expect(field('=HYPERLINK("http://x","y")')).toBe(`"'=HYPERLINK(""http://x"",""y"")"`);
});

interface Row {
  name: string;
  n: number | undefined;
  at: Date;
}
const columns: Column<Row>[] = [
  { id: "name", header: "Name", value: (r) => r.name },
  { id: "n", header: "N", value: (r) => r.n, hidden: true },
  { id: "at", header: "At", value: (r) => r.at },
];
const rows: Row[] = [{ name: "-web", n: undefined, at: new Date(0) }];

test("a table as a file has all columns", () => {
  expect(csv(rows, columns)).toBe("\ufeffName,N,At\r\n'-web,,1970-01-01T00:00:00.000Z\r\n");
  expect(JSON.parse(json(rows, columns))).toEqual([{ name: "-web", n: null, at: "1970-01-01T00:00:00.000Z" }]);
});
