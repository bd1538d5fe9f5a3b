import type { ReactNode } from "react";
import classes from "./ScrollTable.module.css";

/** A small table that scrolls in its panel, also with the keyboard; a whole one only sideways. */
export function ScrollTable({ label, children, whole = false }: { label: string; children: ReactNode; whole?: boolean }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table in a panel is no fieldset
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached with the keyboard
    <div className={classes.scroll} data-whole={whole || undefined} role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}
