import type { ReactNode, Ref } from "react";
import classes from "./ScrollTable.module.css";

/** A small table that scrolls in its panel, also with the keyboard; a whole one only sideways. */
export function ScrollTable(p: { label: string; children: ReactNode; whole?: boolean; scroller?: Ref<HTMLDivElement> }) {
  const whole = p.whole || undefined;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table in a panel is no fieldset
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached with the keyboard
    <div ref={p.scroller} className={classes.scroll} data-whole={whole} role="group" tabIndex={0} aria-label={p.label}>
      {p.children}
    </div>
  );
}
