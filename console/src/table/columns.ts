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
  /** Hidden until somebody chooses it. */
  hidden?: boolean;
  /** Order of values that have one of their own, the first first. */
  order?: readonly string[];
  numeric?: boolean;
}

export function textOf(v: Value): string {
  if (v === undefined) return "";
  return v instanceof Date ? v.toISOString() : String(v);
}

/** compare sorts what is missing last, and words as people do. */
export function compareBy<T>(c: Column<T>): (a: T, b: T) => number {
  const collator = new Intl.Collator(undefined, { numeric: true });
  const place = (v: string) => {
    const at = c.order?.indexOf(v) ?? -1;
    return at < 0 ? Number.MAX_SAFE_INTEGER : at;
  };
  return (ra, rb) => {
    const a = c.value(ra);
    const b = c.value(rb);
    if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
    if (c.order !== undefined) return place(String(a)) - place(String(b));
    if (typeof a === "string" && typeof b === "string") return a === b ? 0 : collator.compare(a, b);
    return Number(a) - Number(b);
  };
}

/** Counts of each value of a column, the most frequent first. */
export function valuesOf<T>(rows: readonly T[], c: Column<T>, most = 200): [value: string, count: number][] {
  const counts = new Map<string, number>();
  for (const r of rows) {
    const v = textOf(c.value(r));
    counts.set(v, (counts.get(v) ?? 0) + 1);
  }
  const all = [...counts].sort((a, b) => b[1] - a[1]);
  if (c.order !== undefined) all.sort((a, b) => (c.order?.indexOf(a[0]) ?? 0) - (c.order?.indexOf(b[0]) ?? 0));
  return all.slice(0, most);
}
