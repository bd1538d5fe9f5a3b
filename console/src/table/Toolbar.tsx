import { Button, Checkbox, CloseButton, Loader, Menu, Popover, Radio, Stack, TextInput } from "@mantine/core";
import { IconColumns3, IconDownload, IconFilter, IconLayoutList, IconSearch } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Choices } from "./Choices";
import type { Column } from "./columns";
import classes from "./DataTable.module.css";
import { csv, json, save } from "./export";
import { mostWords, type TableState } from "./state";
import { useTight } from "./useNarrow";

interface Props<T> {
  columns: readonly Column<T>[];
  rows: readonly T[];
  state: TableState;
  set: (s: Partial<TableState>) => void;
  /** The rows as they are filtered and sorted. */
  shown: readonly T[];
  more: boolean;
  /** More rows are on their way. */
  coming: boolean;
  /** For the names of files. */
  id: string;
  label: string;
  actions?: ReactNode;
}

/** What a person makes of a table: words, choices, groups, columns. */
export function Toolbar<T>(p: Props<T>) {
  const { t } = useTranslation();
  const few = p.columns.filter((c) => c.few);
  const groups = p.columns.filter((c) => c.few || c.groups);
  const tight = useTight();
  const [open, setOpen] = useState(false);
  const all = !tight || open;
  const chosen = few.filter((c) => (p.state.only[c.id] ?? []).length > 0).length;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a toolbar is no fieldset
    <div className={classes.toolbar} role="group" aria-label={t("table.tools", { table: p.label })}>
      <Words q={p.state.q} set={(q) => p.set({ q })} label={t("table.search", { table: p.label })} />
      {tight && few.length > 0 && (
        <Button
          size="xs"
          variant={chosen > 0 ? "light" : "default"}
          leftSection={<IconFilter size={14} aria-hidden />}
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          {chosen === 0 ? t("table.filters") : `${t("table.filters")} · ${chosen}`}
        </Button>
      )}
      {all &&
        few.map((c) => (
          <Choice
            key={c.id}
            column={c}
            rows={p.rows}
            chosen={p.state.only[c.id] ?? []}
            set={(values) => p.set({ only: { ...p.state.only, [c.id]: values } })}
          />
        ))}
      {groups.length > 0 && (
        <Drop
          icon={<IconLayoutList size={14} aria-hidden />}
          label={
            p.state.group === ""
              ? t("table.group")
              : t("table.groupedBy", { column: p.columns.find((c) => c.id === p.state.group)?.header ?? "" })
          }
          marked={p.state.group !== ""}
        >
          <Radio.Group value={p.state.group} onChange={(group) => p.set({ group })} label={t("table.group")}>
            <Stack gap="xs" mt="xs">
              <Radio value="" label={t("table.noGroup")} />
              {groups.map((c) => (
                <Radio key={c.id} value={c.id} label={c.header} />
              ))}
            </Stack>
          </Radio.Group>
        </Drop>
      )}
      <Drop icon={<IconColumns3 size={14} aria-hidden />} label={t("table.columns")} marked={false}>
        <Checkbox.Group
          label={t("table.columns")}
          value={p.columns.filter((c) => !p.state.hidden.includes(c.id)).map((c) => c.id)}
          onChange={(ids) => ids.length > 0 && p.set({ hidden: p.columns.filter((c) => !ids.includes(c.id)).map((c) => c.id) })}
        >
          <Stack gap="xs" mt="xs">
            {p.columns.map((c) => (
              <Checkbox key={c.id} value={c.id} label={c.header} />
            ))}
          </Stack>
        </Checkbox.Group>
      </Drop>
      <Export id={p.id} columns={p.columns} rows={p.shown} />
      {p.actions}
      <span className={classes.shown} role="status" aria-busy={p.coming || undefined}>
        {p.coming && <Loader size={12} mr={6} aria-hidden />}
        {p.shown.length === p.rows.length
          ? t("table.all", { count: p.rows.length })
          : t("table.some", { count: p.shown.length, of: p.rows.length })}
        {p.coming ? ` ${t("table.coming")}` : p.more && ` ${t("table.more")}`}
      </span>
    </div>
  );
}

/** The rows as they are shown, with all columns, as a file. */
function Export<T>({ id, columns, rows }: { id: string; columns: readonly Column<T>[]; rows: readonly T[] }) {
  const { t } = useTranslation();
  const name = (ending: string) => `bulkhead-${id}-${new Date().toISOString().slice(0, 10)}.${ending}`;
  return (
    <Menu position="bottom-start" withinPortal>
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconDownload size={14} aria-hidden />}>
          {t("table.export")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t("table.exportHow", { count: rows.length })}</Menu.Label>
        <Menu.Item onClick={() => save(name("csv"), "text/csv;charset=utf-8", csv(rows, columns))}>{t("table.csv")}</Menu.Item>
        <Menu.Item onClick={() => save(name("json"), "application/json", json(rows, columns))}>{t("table.json")}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Words({ q, set, label }: { q: string; set: (q: string) => void; label: string }) {
  const { t } = useTranslation();
  return (
    <TextInput
      className={classes.search}
      size="xs"
      aria-label={label}
      placeholder={t("table.words")}
      value={q}
      onChange={(e) => set(e.currentTarget.value)}
      maxLength={mostWords}
      leftSection={<IconSearch size={14} aria-hidden />}
      rightSection={q !== "" && <CloseButton size="xs" aria-label={t("table.clear")} onClick={() => set("")} />}
    />
  );
}

function Drop(p: { icon: ReactNode; label: string; marked: boolean; children: ReactNode }) {
  return (
    <Popover position="bottom-start" shadow="md" trapFocus returnFocus withinPortal>
      <Popover.Target>
        <Button size="xs" variant={p.marked ? "light" : "default"} leftSection={p.icon}>
          {p.label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>{p.children}</Popover.Dropdown>
    </Popover>
  );
}

function Choice<T>(p: { column: Column<T>; rows: readonly T[]; chosen: string[]; set: (values: string[]) => void }) {
  const label = p.chosen.length === 0 ? p.column.header : `${p.column.header} · ${p.chosen.length}`;
  return (
    <Drop icon={<IconFilter size={14} aria-hidden />} label={label} marked={p.chosen.length > 0}>
      <Choices {...p} />
    </Drop>
  );
}
