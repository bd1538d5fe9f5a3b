import type { KeyboardEvent, ReactNode, Ref } from "react";
import classes from "./ScrollTable.module.css";

/** A small table that scrolls in its panel, also with the keyboard; a whole one only sideways. */
export function ScrollTable(p: {
  label: string;
  children: ReactNode;
  whole?: boolean;
  scroller?: Ref<HTMLDivElement>;
  onKey?: (e: KeyboardEvent) => void;
}) {
  const { label, onKey, whole } = p;
  const own = { ref: p.scroller, className: classes.scroll, "data-whole": whole || undefined };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table in a panel is no fieldset
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached with the keyboard
    <div {...own} role="group" tabIndex={0} aria-label={label} onKeyDown={onKey}>
      {p.children}
    </div>
  );
}
