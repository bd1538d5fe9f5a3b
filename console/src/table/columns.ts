import type { ReactNode } from "react";

export type Value = string | number | Date | undefined;

/** A column of a table: what it compares and what it shows. */
export interface Column<T> {
  id: string;
  header: string;
  /** What is sorted, grouped, filtered and searched by. */
  value: (row: T) => Value;
  /** What is shown; the value where it is not given. */
  cell?: (row: T) => ReactNode;
  /** The value in words, for groups and choices. */
  word?: (value: string) => string;
  /** Share of the width, and the least in pixels. */
  grow?: number;
  min?: number;
  /** Few values: one can choose among them, and group by them. */
  few?: boolean;
  /** One can group by it, though it has too many values to choose among, or they are chosen elsewhere. */
  groups?: boolean;
  /** Hidden until somebody chooses it. */
  hidden?: boolean;
  /** Order of values that have one of their own, the first first. */
  order?: readonly string[];
  numeric?: boolean;
  /** A sentence, which may take two lines. */
  twoLines?: boolean;
}

export function textOf(v: Value): string {
  if (v === undefined) return "";
  return v instanceof Date ? v.toISOString() : String(v);
}

const [space, tilde, zero, nine] = [" ", "~", "0", "9"].map((c) => c.charCodeAt(0)) as [number, number, number, number];
const isDigit = (code: number) => code >= zero && code <= nine;

/**
 * naturalKey is a text that sorts by its letters as people sort the value: numbers in it by what they count, which their length tells first,
 * small and large letters alike. Comparing such texts is many times faster than asking a collator each time; letters beyond ASCII are left
 * to one. It is asked for each row of a table before anything is seen, and takes half the time of a pattern.
 */
function naturalKey(v: string): string {
  const small = v.toLowerCase(); // before the key is made, whose letter that tells a length is to stay
  let key = " ";
  let done = 0;
  for (let i = 0; i < v.length; i++) {
    const code = v.charCodeAt(i);
    if (code < space || code > tilde) return `~${v}`;
    if (!isDigit(code)) continue;
    let first = i; // digit that is no leading zero
    key += small.slice(done, first);
    while (isDigit(v.charCodeAt(i + 1))) i++;
    while (first < i && v.charCodeAt(first) === zero) first++;
    key += String.fromCharCode(zero + i - first) + v.slice(first, i + 1);
    done = i + 1;
  }
  return key + small.slice(done);
}

/** What a key begins with whose text has letters beyond ASCII. */
const beyond = "~".charCodeAt(0);
const collator = new Intl.Collator(undefined, { numeric: true });

function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  if (a.charCodeAt(0) === beyond && b.charCodeAt(0) === beyond) return collator.compare(a, b);
  return a < b ? -1 : 1;
}

/** ordered sorts rows by columns, the first first: what is missing last either way, and words as people do. */
export function ordered<T>(rows: readonly T[], by: readonly { column: Column<T>; desc: boolean }[]): T[] {
  const keys = by.map(({ column, desc }) => ({ sign: desc ? -1 : 1, of: keysOf(rows, column) }));
  const at = Uint32Array.from(rows, (_, i) => i);
  at.sort((a, b) => {
    for (const k of keys) {
      const x = k.of[a];
      const y = k.of[b];
      if (x === y) continue;
      if (x === undefined || y === undefined) return x === undefined ? 1 : -1;
      const c = typeof x === "string" && typeof y === "string" ? compareKeys(x, y) : Number(x) - Number(y);
      if (c !== 0) return c * k.sign;
    }
    return a - b;
  });
  return Array.from(at, (i) => rows[i] as T);
}

type Key = string | number | undefined;

/** keysOf are what is compared, made once for each row. */
function keysOf<T>(rows: readonly T[], c: Column<T>): Key[] {
  const known = new Map<string, string>();
  const places = new Map(c.order?.map((v, i) => [v, i]));
  return rows.map((r) => {
    const v = c.value(r);
    if (v === undefined) return undefined;
    if (c.order !== undefined) return places.get(String(v)) ?? places.size;
    if (typeof v !== "string") return Number(v);
    let key = known.get(v);
    if (key === undefined) {
      key = naturalKey(v);
      known.set(v, key);
    }
    return key;
  });
}

/** A value of a column, and how many rows have it. */
export type Counted = [value: string, count: number];

/** Counts of each value of a column, the most frequent first. */
export function valuesOf<T>(rows: readonly T[], c: Column<T>): Counted[] {
  const counts = new Map<string, number>();
  for (const r of rows) {
    const v = textOf(c.value(r));
    counts.set(v, (counts.get(v) ?? 0) + 1);
  }
  const all = [...counts].sort((a, b) => b[1] - a[1]);
  if (c.order !== undefined) all.sort((a, b) => (c.order?.indexOf(a[0]) ?? 0) - (c.order?.indexOf(b[0]) ?? 0));
  return all;
}

/** matching are the values that have all words, also as they are shown. */
export function matching<T>(values: readonly Counted[], c: Column<T>, q: string): readonly Counted[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return values;
  return values.filter(([value]) => {
    const text = `${value} ${c.word?.(value) ?? ""}`.toLowerCase();
    return words.every((w) => text.includes(w));
  });
}
