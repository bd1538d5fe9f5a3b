import { memo } from "react";
import { useTranslation } from "react-i18next";
import { colorOf, type Picture, type Run } from "@/recording/screen";
import classes from "./Terminal.module.css";

/** What the screen of a recording shows, as text: nothing in it is a link, an image or markup. */
export function TerminalPicture({ of }: { of: Picture }) {
  const { t } = useTranslation();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the page is scrolled by keyboard
    <section className={classes.screen} aria-label={t("recordings.screen")} tabIndex={0}>
      <div className={classes.rows} style={{ width: `${of.columns}ch` }}>
        {of.rows.map((runs, y) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
          <Row key={y} runs={runs} />
        ))}
        {of.cursor !== undefined && (
          <span
            className={classes.cursor}
            aria-hidden
            style={{ left: `${of.cursor.x}ch`, top: `calc(${of.cursor.y} * var(--row))` }}
          />
        )}
      </div>
    </section>
  );
}

const Row = memo(function Row({ runs }: { runs: readonly Run[] }) {
  return (
    <div className={classes.row}>
      {runs.map((r, i) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: runs have no name
          key={i}
          className={classes.run}
          data-fg={nameOf(r.fg)}
          data-bg={nameOf(r.bg)}
          data-bold={r.bold}
          data-dim={r.dim}
          data-italic={r.italic}
          data-underline={r.underline}
          data-struck={r.struck}
          style={{ color: cssOf(r.fg), backgroundColor: cssOf(r.bg) }}
        >
          {r.text}
        </span>
      ))}
    </div>
  );
});

/** The first 16 colours, and those of the page when they are exchanged, are in the style sheet. */
function nameOf(c: Run["fg"]): string | undefined {
  if (c === "front" || c === "back") return c;
  return typeof c === "number" && c < 16 ? String(c) : undefined;
}

function cssOf(c: Run["fg"]): string | undefined {
  if (typeof c === "number") return colorOf(c);
  return c === undefined || c === "front" || c === "back" ? undefined : c;
}
