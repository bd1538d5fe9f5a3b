import type { ReactNode } from "react";
import classes from "./ScrollTable.module.css";

/** A small table that scrolls in its panel, also with the keyboard. */
export function ScrollTable({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table in a panel is no fieldset
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached with the keyboard
    <div className={classes.scroll} role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}
