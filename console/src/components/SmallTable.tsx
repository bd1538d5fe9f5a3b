import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import { ScrollTable } from "./ScrollTable";

/** A column's name, with its width; one that is only spoken where what stands below says it. */
export type Head = string | { name: string; w?: number; spoken?: boolean };

/** The names of columns. */
export function HeadCells({ of }: { of: readonly Head[] }) {
  return of.map((h) => {
    const { name, w, spoken } = typeof h === "string" ? { name: h, w: undefined, spoken: false } : h;
    return (
      <Table.Th key={name} w={w}>
        {spoken ? <span className="hidden-text">{name}</span> : name}
      </Table.Th>
    );
  });
}

/** A table in a panel that is never long: its columns' names and its rows. It scrolls in its panel; a whole one only sideways. */
export function SmallTable(p: {
  label: string;
  head: readonly Head[];
  /** Least width, in pixels. */
  miw?: number;
  whole?: boolean;
  className?: string;
  children: ReactNode;
}) {
  return (
    <ScrollTable label={p.label} whole={p.whole}>
      <Table stickyHeader={!p.whole} miw={p.miw} className={p.className}>
        <Table.Thead>
          <Table.Tr>
            <HeadCells of={p.head} />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{p.children}</Table.Tbody>
      </Table>
    </ScrollTable>
  );
}
