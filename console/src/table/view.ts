import { type Column, ordered, textOf } from "./columns";
import type { TableState } from "./state";

/** A line of the table as it is shown: a row, or a group that can be opened. */
export type Line<T> = { kind: "row"; row: T; depth: 0 | 1 } | { kind: "group"; value: string; rows: readonly T[]; open: boolean };

/** Texts in which words are looked for, by the columns that make them: other columns, or in another language, make others. */
interface Texts {
  rows: WeakMap<object, string>;
  /** The same by the places of rows, as far as they were made: to find them so is many times faster. */
  places: WeakMap<readonly object[], string[]>;
}
const made = new WeakMap<readonly unknown[], Texts>();
const said = new WeakMap<object, Map<string, string>>();

/** wordOf says a value of a column. Many rows have the same few, and saying one takes longer than finding it. */
function wordOf<T>(c: Column<T>, value: string): string {
  if (c.word === undefined) return value;
  let words = said.get(c);
  if (words === undefined) {
    words = new Map();
    said.set(c, words);
  }
  let word = words.get(value);
  if (word === undefined) {
    word = `${value} ${c.word(value)}`;
    words.set(value, word);
  }
  return word;
}

function textsBy(columns: readonly unknown[]): Texts {
  let texts = made.get(columns);
  if (texts === undefined) {
    texts = { rows: new WeakMap(), places: new WeakMap() };
    made.set(columns, texts);
  }
  return texts;
}

/** searched is the text of a row in which words are looked for. It is made once for each row. */
function searched<T extends object>(row: T, columns: readonly Column<T>[]): string {
  const { rows } = textsBy(columns);
  let text = rows.get(row);
  if (text === undefined) {
    text = "";
    for (const c of columns) {
      const v = c.value(row);
      if (v === undefined || v instanceof Date) continue; // times are shown as how long ago, which nobody looks for
      text += `${wordOf(c, String(v))}\n`;
    }
    text = text.toLowerCase();
    rows.set(row, text);
  }
  return text;
}

/** textsOf are those texts in the order of the rows, as far as they were made. */
function textsOf(rows: readonly object[], columns: readonly unknown[]): string[] {
  const { places } = textsBy(columns);
  let all = places.get(rows);
  if (all === undefined) {
    all = [];
    places.set(rows, all);
  }
  return all;
}

/** filtered are the rows that a person wants to see, in their order. */
export function filtered<T extends object>(rows: readonly T[], columns: readonly Column<T>[], s: TableState): T[] {
  const words = s.q.toLowerCase().split(/\s+/).filter(Boolean);
  const only = columns.flatMap((c) => {
    const values = s.only[c.id];
    return values === undefined || values.length === 0 ? [] : [{ value: c.value, wanted: new Set(values) }];
  });
  const has = (text: string) => words.every((w) => text.includes(w));
  const texts = textsOf(rows, columns);
  const out = rows.filter((r, i) => {
    if (!only.every((o) => o.wanted.has(textOf(o.value(r))))) return false;
    if (words.length === 0) return true;
    texts[i] ??= searched(r, columns);
    return has(texts[i]);
  });
  const by = s.sort.flatMap(({ id, desc }) => {
    const column = columns.find((c) => c.id === id);
    return column === undefined ? [] : [{ column, desc }];
  });
  return by.length === 0 ? out : ordered(out, by);
}

/** warm makes the texts in which words are looked for while nobody waits, so that the first word is found at once. It gives a way to stop. */
export function warm<T extends object>(rows: readonly T[], columns: readonly Column<T>[]): () => void {
  const soon = window.requestIdleCallback ?? ((f: () => void) => window.setTimeout(f, 50));
  const never = window.cancelIdleCallback ?? window.clearTimeout;
  let at = 0;
  const texts = textsOf(rows, columns);
  const some = () => {
    for (const end = performance.now() + 8; at < rows.length && performance.now() < end; at++)
      texts[at] ??= searched(rows[at] as T, columns);
    if (at < rows.length) waiting = soon(some);
  };
  let waiting = soon(some);
  return () => never(waiting);
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
