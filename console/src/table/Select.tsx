import { useEffect, useRef } from "react";
import classes from "./DataTable.module.css";

export type Selection = { keys: ReadonlySet<string>; set: (keys: ReadonlySet<string>) => void };

/** toggled adds all of these, or takes them away where all are in already. */
export function toggled(keys: ReadonlySet<string>, of: readonly string[]): ReadonlySet<string> {
  const next = new Set(keys);
  if (of.every((k) => keys.has(k))) for (const k of of) next.delete(k);
  else for (const k of of) next.add(k);
  return next;
}

/** A box that selects a row, a group or all rows that are shown. */
export function SelectBox({ of, selection, label }: { of: () => readonly string[]; selection: Selection; label: string }) {
  const box = useRef<HTMLInputElement>(null);
  const keys = selection.keys.size === 0 ? undefined : of(); // the keys of many rows are made only where it matters
  const all = keys !== undefined && keys.length > 0 && keys.every((k) => selection.keys.has(k));
  const some = !all && (keys?.some((k) => selection.keys.has(k)) ?? false);
  useEffect(() => {
    if (box.current !== null) box.current.indeterminate = some;
  }, [some]);
  return (
    <input
      ref={box}
      type="checkbox"
      className={classes.box}
      aria-label={label}
      checked={all}
      onChange={() => selection.set(toggled(selection.keys, of()))}
    />
  );
}
