import { Table } from "@mantine/core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { ScrollTable } from "./ScrollTable";
import { type Head, HeadCells } from "./SmallTable";

interface Props<T> {
  label: string;
  head: readonly Head[];
  /** Least width, in pixels. */
  miw?: number;
  rows: readonly T[];
  /** What tells a row from the others; its place where nothing does. */
  rowKey?: (row: T) => string;
  /** The cells of a row. */
  children: (row: T) => ReactNode;
}

const usualHeight = 32;

/**
 * A table in a panel that looks as a small one, with as many rows as there are: those that are seen are in the page, each as high as what it
 * says. What one searches, sorts and groups is a DataTable.
 */
export function LongTable<T>(p: Props<T>) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: p.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => usualHeight,
    overscan: 12,
    initialRect: { width: 1000, height: 420 },
  });
  // The browser's own way to the end goes as far as it took the table to be: rows may be higher than was thought.
  const onKey = (e: KeyboardEvent) => {
    if (e.target !== scroller.current || (e.key !== "Home" && e.key !== "End")) return;
    e.preventDefault();
    virtual.scrollToIndex(e.key === "Home" ? 0 : p.rows.length - 1);
  };
  const items = virtual.getVirtualItems();
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <ScrollTable label={p.label} scroller={scroller} onKey={onKey}>
      <Table stickyHeader layout="fixed" miw={p.miw} aria-rowcount={p.rows.length + 1}>
        <Table.Thead>
          <Table.Tr aria-rowindex={1}>
            <HeadCells of={p.head} />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          <Space height={items[0]?.start ?? 0} columns={p.head.length} />
          {items.map((item) => {
            const row = p.rows[item.index];
            if (row === undefined) return null;
            return (
              <Table.Tr
                key={p.rowKey?.(row) ?? item.index}
                ref={virtual.measureElement}
                data-index={item.index}
                aria-rowindex={item.index + 2}
              >
                {p.children(row)}
              </Table.Tr>
            );
          })}
          <Space height={after} columns={p.head.length} />
        </Table.Tbody>
      </Table>
    </ScrollTable>
  );
}

/** What the rows that are not in the page would take. */
function Space({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden>
      <td colSpan={columns} style={{ height, padding: 0 }} />
    </tr>
  );
}
