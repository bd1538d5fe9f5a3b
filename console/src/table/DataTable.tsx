import { Text } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type ReactNode,
  useCallback,
  useDeferredValue,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from "react";
import { useTranslation } from "react-i18next";
import { keep, kept } from "@/lib/kept";
import type { Column } from "./columns";
import classes from "./DataTable.module.css";
import { Header } from "./Header";
import { Row } from "./Row";
import { SelectBox, type Selection, toggled } from "./Select";
import { addressOf, isEmpty, sameSearch, searchOf, stateOf, type TableSearch, type TableState, tableSearch, viewOf } from "./state";
import { Toolbar } from "./Toolbar";
import { useAhead } from "./useAhead";
import { useNarrow } from "./useNarrow";
import { filtered, lines, warm } from "./view";

interface Props<T extends object> {
  /** Under which what a person chose is kept. */
  id: string;
  /** What the table shows, for screen readers. */
  label: string;
  rows: readonly T[];
  /** There is more than was read. */
  more?: boolean;
  /** More rows are on their way. */
  coming?: boolean;
  columns: readonly Column<T>[];
  rowKey: (row: T) => string;
  /** Opens a row, by Enter or a click beside links. */
  open?: (row: T) => void;
  /** Rows that were selected, by their keys. */
  selection?: Selection;
  /** The parameters of the address, of which those of a table count, and how they are set. */
  search: TableSearch;
  onSearch: (next: TableSearch) => void;
  /** How it is sorted and grouped where nobody chose. */
  initial?: TableSearch;
  /** What a group says of its rows while it is closed. */
  groupNote?: (rows: readonly T[], by: string) => ReactNode;
  empty: ReactNode;
  actions?: ReactNode;
  /** At most this high, e.g. "60vh". */
  height?: string;
}

const rowHeight = 36;
const twoLines = 60;
const headerHeight = 35;
const boxWidth = 30;

/** A table for up to 50,000 rows: filtered, sorted, grouped, its columns chosen; the view stands in the address and is remembered. */
export function DataTable<T extends object>(p: Props<T>) {
  const { t } = useTranslation();
  const { onSearch, id, initial } = p;
  const { q, sort, group: by, hide, only } = p.search;
  const given = useMemo(() => tableSearch({ q, sort, group: by, hide, only }), [q, sort, by, hide, only]);
  const [search, setSearch, setNow] = useAhead(given, onSearch, sameSearch);
  useRemembered(id, search, setNow);
  const state = useMemo(() => viewOf(search, p.columns, initial), [search, initial, p.columns]);
  const set = (next: Partial<TableState>) => setSearch(addressOf({ ...state, ...next }, p.columns, initial));

  const late = useDeferredValue(state);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const rows = useWanted(p.rows, p.columns, late);
  useEffect(() => warm(p.rows, p.columns), [p.rows, p.columns]);
  const group = p.columns.find((c) => c.id === late.group);
  const shown = useMemo(() => lines(rows, group, opened), [rows, group, opened]);
  const hidden = state.hidden.join();
  const columns = useMemo(() => {
    const gone = hidden.split(",");
    return p.columns.filter((c) => !gone.includes(c.id));
  }, [p.columns, hidden]);

  const toggle = (value: string) =>
    setOpened((before) => {
      const next = new Set(before);
      if (!next.delete(value)) next.add(value);
      return next;
    });

  // In a narrow window what is said of a group stands below it, as the gravest is not to be cut off.
  const tall = useNarrow() && group !== undefined && p.groupNote !== undefined;
  const heightOf = (at: number) => (tall && shown[at]?.kind === "group" ? twoLines : rowHeight);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => heightOf(i),
    overscan: 12,
    scrollMargin: headerHeight,
    scrollPaddingStart: headerHeight,
    initialRect: { width: 1000, height: 600 },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: lines of another kind have another height
  useEffect(() => virtual.measure(), [tall, tall && shown]);
  const [active, setActive] = useState(-1);
  const base = useId();
  const { rowKey, selection } = p;
  const select = (at: number) => {
    const line = shown[at];
    if (selection !== undefined && line !== undefined)
      selection.set(toggled(selection.keys, line.kind === "group" ? line.rows.map(rowKey) : [rowKey(line.row)]));
  };
  const act = (at: number) => {
    const line = shown[at];
    if (line?.kind === "group") toggle(line.value);
    else if (line !== undefined) p.open?.(line.row);
  };
  const newest = useRef(act);
  useEffect(() => {
    newest.current = act;
  });
  const press = useCallback((at: number, acts: boolean) => {
    setActive(at);
    if (acts) newest.current(at);
  }, []);
  const onKey = (e: KeyboardEvent<HTMLDivElement>) => {
    const own = (e.target as HTMLElement).closest("a, button, input") === null; // links and buttons keep their own keys
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / rowHeight) - 2);
    const moves: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: shown.length - 1,
    };
    const to = moves[e.key];
    if (to !== undefined) {
      e.preventDefault();
      const at = Math.max(0, Math.min(shown.length - 1, to));
      setActive(at);
      virtual.scrollToIndex(at);
    } else if (own && (e.key === "Enter" || e.key === " ")) {
      e.preventDefault();
      if (e.key === " " && selection !== undefined) select(active);
      else act(active);
    }
  };

  const boxes = selection === undefined ? "" : `${boxWidth}px `;
  const template = boxes + columns.map((c) => `minmax(${c.min ?? 90}px, ${c.grow ?? 1}fr)`).join(" ");
  const width = columns.reduce((sum, c) => sum + (c.min ?? 90), 0) + 24 + (selection === undefined ? 0 : boxWidth);
  if (p.rows.length === 0) return <>{p.empty}</>;
  return (
    <div className={classes.table}>
      <Toolbar
        columns={p.columns}
        rows={p.rows}
        state={state}
        set={set}
        id={id}
        shown={rows}
        more={p.more ?? false}
        coming={p.coming ?? false}
        label={p.label}
        actions={p.actions}
      />
      {/* biome-ignore lint/a11y/noStaticElementInteractions: it is a grid, or a tree of groups */}
      {/* biome-ignore lint/a11y/useAriaPropsSupportedByRole: as above */}
      <div
        ref={scroller}
        className={classes.scroller}
        style={{ maxHeight: p.height ?? "max(20rem, calc(100dvh - 15rem))" }}
        role={group === undefined ? "grid" : "treegrid"}
        tabIndex={0}
        aria-label={p.label}
        aria-rowcount={shown.length + 1}
        aria-colcount={columns.length + (selection === undefined ? 0 : 1)}
        aria-activedescendant={active >= 0 && active < shown.length ? `${base}${active}` : undefined}
        onKeyDown={onKey}
      >
        <Header columns={columns} state={state} set={set} template={template} width={width}>
          {selection !== undefined && <SelectBox of={() => rows.map(rowKey)} selection={selection} label={t("table.selectAll")} />}
        </Header>
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        <div role="rowgroup" className={classes.rows} style={{ height: virtual.getTotalSize(), minWidth: width }}>
          {virtual.getVirtualItems().map((item) => {
            const line = shown[item.index];
            if (line === undefined) return null;
            return (
              <Row
                key={item.key}
                id={`${base}${item.index}`}
                index={item.index}
                top={item.start - headerHeight}
                height={heightOf(item.index)}
                line={line}
                columns={columns}
                group={group}
                rowKey={selection === undefined ? undefined : rowKey}
                note={line.kind === "group" ? p.groupNote : undefined}
                template={line.kind === "group" ? `${boxes}1fr` : template}
                active={item.index === active}
                opens={p.open !== undefined}
                selection={selection}
                press={press}
              />
            );
          })}
        </div>
      </div>
      {shown.length === 0 && (
        <Text c="dimmed" p="lg" ta="center">
          {t("table.nothing")}
        </Text>
      )}
    </div>
  );
}

/** The rows that are wanted. They are not looked for again where only a group or a column was chosen. */
function useWanted<T extends object>(rows: readonly T[], columns: readonly Column<T>[], state: TableState): T[] {
  const { q, sort, only } = searchOf(state);
  return useMemo(() => {
    const known = new Set(columns.map((c) => c.id));
    return filtered(rows, columns, stateOf({ q, sort, only }, known));
  }, [rows, columns, q, sort, only]);
}

/** A table that is come to without parameters is as it was left; words that were looked for are not kept. */
function useRemembered(id: string, search: TableSearch, onSearch: (s: TableSearch) => void) {
  const first = useRef(true);
  const set = useRef(onSearch);
  useEffect(() => {
    set.current = onSearch;
  });
  useEffect(() => {
    if (first.current) {
      first.current = false;
      const before = kept(`table.${id}`);
      if (isEmpty(search) && typeof before === "object" && before !== null) {
        const found = tableSearch(before as Record<string, unknown>);
        if (!isEmpty(found)) set.current(found);
      }
      return;
    }
    keep(`table.${id}`, { ...search, q: undefined });
  }, [id, search]);
}
