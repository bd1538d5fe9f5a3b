import { ActionIcon } from "@mantine/core";
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Column } from "./columns";
import classes from "./DataTable.module.css";
import type { TableState } from "./state";

/** The names of the columns, by which a table is sorted. */
export function Header<T>(p: {
  columns: readonly Column<T>[];
  state: TableState;
  set: (s: Partial<TableState>) => void;
  template: string;
  width: number;
  /** The box that selects all. */
  children: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above
    <div role="rowgroup" className={classes.header} style={{ minWidth: p.width }}>
      {/* biome-ignore lint/a11y/useSemanticElements: as above */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus */}
      <div role="row" aria-rowindex={1} className={classes.headerRow} style={{ gridTemplateColumns: p.template }}>
        {p.children !== false && (
          // biome-ignore lint/a11y/useSemanticElements: as above
          // biome-ignore lint/a11y/useFocusableInteractive: the box in it has the focus
          <span role="columnheader" className={classes.boxCell}>
            {p.children}
          </span>
        )}
        {p.columns.map((c) => {
          const at = p.state.sort.find((s) => s.id === c.id);
          const next = at === undefined ? [{ id: c.id, desc: false }] : at.desc ? [] : [{ id: c.id, desc: true }];
          return (
            // biome-ignore lint/a11y/useSemanticElements: as above
            <div
              key={c.id}
              role="columnheader"
              tabIndex={-1}
              aria-sort={at === undefined ? "none" : at.desc ? "descending" : "ascending"}
              className={classes.cell}
              data-numeric={c.numeric}
            >
              <button
                type="button"
                className={classes.sorter}
                title={t("table.sort", { column: c.header })}
                onClick={(e) => p.set({ sort: e.shiftKey ? [...p.state.sort.filter((s) => s.id !== c.id), ...next] : next })}
              >
                <span className={classes.clip}>{c.header}</span>
                {at !== undefined && (
                  <ActionIcon component="span" size={14} variant="transparent" c="inherit">
                    {at.desc ? <IconArrowDown size={14} aria-hidden /> : <IconArrowUp size={14} aria-hidden />}
                  </ActionIcon>
                )}
              </button>
            </div>
          );
        })}
      </div>
    </div>
  );
}
