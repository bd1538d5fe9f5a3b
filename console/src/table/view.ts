import { type Column, compareBy, textOf } from "./columns";
import type { TableState } from "./state";

/** A line of the table as it is shown: a row, or a group that can be opened. */
export type Line<T> = { kind: "row"; row: T; depth: 0 | 1 } | { kind: "group"; value: string; rows: readonly T[]; open: boolean };

const hay = new WeakMap<object, string>();

/** searched is the text of a row in which words are looked for. It is made once for each row. */
function searched<T extends object>(row: T, columns: readonly Column<T>[]): string {
  let text = hay.get(row);
  if (text === undefined) {
    text = columns
      .map((c) => {
        const v = textOf(c.value(row));
        return c.word === undefined ? v : `${v} ${c.word(v)}`;
      })
      .join("\n")
      .toLowerCase();
    hay.set(row, text);
  }
  return text;
}

/** filtered are the rows that a person wants to see, in their order. */
export function filtered<T extends object>(rows: readonly T[], columns: readonly Column<T>[], s: TableState): T[] {
  const words = s.q.toLowerCase().split(/\s+/).filter(Boolean);
  const only = columns.flatMap((c) => {
    const values = s.only[c.id];
    return values === undefined || values.length === 0 ? [] : [{ value: c.value, wanted: new Set(values) }];
  });
  const out = rows.filter(
    (r) => only.every((o) => o.wanted.has(textOf(o.value(r)))) && words.every((w) => searched(r, columns).includes(w)),
  );
  const orders = s.sort.flatMap((o) => {
    const c = columns.find((col) => col.id === o.id);
    return c === undefined ? [] : [{ compare: compareBy(c), sign: o.desc ? -1 : 1 }];
  });
  if (orders.length === 0) return out;
  return out.sort((a, b) => {
    for (const o of orders) {
      const by = o.compare(a, b);
      if (by !== 0) return by * o.sign;
    }
    return 0;
  });
}

/** lines puts rows into groups, the largest first; a thousand equal ones are one line until it is opened. */
export function lines<T extends object>(rows: readonly T[], group: Column<T> | undefined, open: ReadonlySet<string>): Line<T>[] {
  if (group === undefined) return rows.map((row) => ({ kind: "row", row, depth: 0 }));
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const value = textOf(group.value(row));
    const g = groups.get(value);
    if (g === undefined) groups.set(value, [row]);
    else g.push(row);
  }
  const all = [...groups];
  if (group.order !== undefined) all.sort((a, b) => (group.order?.indexOf(a[0]) ?? 0) - (group.order?.indexOf(b[0]) ?? 0));
  else all.sort((a, b) => b[1].length - a[1].length);
  const out: Line<T>[] = [];
  for (const [value, members] of all) {
    const isOpen = open.has(value);
    out.push({ kind: "group", value, rows: members, open: isOpen });
    if (isOpen) for (const row of members) out.push({ kind: "row", row, depth: 1 });
  }
  return out;
}
