import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type Column, textOf } from "./columns";
import classes from "./DataTable.module.css";
import { SelectBox, type Selection } from "./Select";
import type { Line } from "./view";

interface Props<T> {
  id: string;
  /** Where it stands among the lines, and where that is. */
  index: number;
  top: number;
  height: number;
  line: Line<T>;
  columns: readonly Column<T>[];
  group: Column<T> | undefined;
  /** Where rows are selected. */
  rowKey: ((row: T) => string) | undefined;
  /** What a group says of its rows. */
  note: ((rows: readonly T[], by: string) => ReactNode) | undefined;
  template: string;
  active: boolean;
  /** Rows can be opened. */
  opens: boolean;
  selection: Selection | undefined;
  /** It was clicked; acts is whether beside what has a click of its own. */
  press: (index: number, acts: boolean) => void;
}

/** A line of a table. It is made again only where something of it is another: most of the time of a large table is that of its lines. */
export const Row = memo(RowOf) as typeof RowOf;

function RowOf<T extends object>(p: Props<T>) {
  const { line } = p;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a row of a grid
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys
    // biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus
    <div
      id={p.id}
      role="row"
      aria-rowindex={p.index + 2}
      aria-expanded={line.kind === "group" ? line.open : undefined}
      aria-level={p.group === undefined ? undefined : line.kind === "group" ? 1 : 2}
      className={classes.row}
      data-active={p.active || undefined}
      data-group={line.kind === "group" || undefined}
      data-opens={line.kind === "group" || p.opens || undefined}
      style={{ transform: `translateY(${p.top}px)`, height: p.height, gridTemplateColumns: p.template }}
      onClick={(e) => p.press(p.index, (e.target as HTMLElement).closest("a, button, input") === null)}
    >
      {p.selection !== undefined && p.rowKey !== undefined && (
        <Box line={line} group={p.group} rowKey={p.rowKey} selection={p.selection} />
      )}
      {line.kind === "group" ? (
        <Group line={line} group={p.group} note={p.note} />
      ) : (
        p.columns.map((c, i) => (
          // biome-ignore lint/a11y/useSemanticElements: as above
          <span
            key={c.id}
            role="gridcell"
            tabIndex={-1}
            className={classes.cell}
            data-numeric={c.numeric}
            data-two-lines={c.twoLines}
            data-deep={(i === 0 && line.depth === 1) || undefined}
          >
            {c.cell?.(line.row) ?? <span title={textOf(c.value(line.row))}>{textOf(c.value(line.row))}</span>}
          </span>
        ))
      )}
    </div>
  );
}

type Group<T> = Extract<Line<T>, { kind: "group" }>;

function useNameOf<T>(line: Line<T>, group: Column<T> | undefined): string {
  const { t } = useTranslation();
  return line.kind === "row" ? "" : (group?.word?.(line.value) ?? line.value) || t("table.none");
}

function Group<T>({ line, group, note }: { line: Group<T>; group: Column<T> | undefined; note: Props<T>["note"] }) {
  const name = useNameOf(line, group);
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above
    <span role="gridcell" className={classes.group} tabIndex={-1}>
      {line.open ? <IconChevronDown size={16} aria-hidden /> : <IconChevronRight size={16} aria-hidden />}
      <span className={classes.clip}>{name}</span>
      <span className={classes.count}>{line.rows.length}</span>
      {note !== undefined && <span className={classes.note}>{note(line.rows, group?.id ?? "")}</span>}
    </span>
  );
}

/** The box that selects a row, or the rows of a group. */
function Box<T>(p: { line: Line<T>; group: Column<T> | undefined; rowKey: (row: T) => string; selection: Selection }) {
  const { t } = useTranslation();
  const name = useNameOf(p.line, p.group);
  const { line } = p;
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above
    // biome-ignore lint/a11y/useFocusableInteractive: the box in it has the focus
    <span role="gridcell" className={classes.boxCell}>
      <SelectBox
        of={() => (line.kind === "group" ? line.rows.map(p.rowKey) : [p.rowKey(line.row)])}
        selection={p.selection}
        label={line.kind === "group" ? t("table.selectGroup", { group: name }) : t("table.select")}
      />
    </span>
  );
}
