import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { StatusBadge, stateOfRequirement, statuses, ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Guard } from "@/gen/guard_pb";
import { plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import type { TableSearch } from "@/table/state";
import classes from "./guard.module.css";
import { LockBadge, lockOf, locks, ModeBadge, modeOf, modes, NodeOf } from "./parts";

interface Props {
  rows: readonly Guard[];
  more: boolean;
  search: TableSearch;
  onSearch: (next: TableSearch) => void;
  open: (g: Guard) => void;
  empty: ReactNode;
}

const requirement = "8.1.c";

/** The nodes that have an engine, each with the guard before it. */
export function GuardTable(p: Props) {
  const { t } = useTranslation();
  const columns = useMemo(
    (): Column<Guard>[] => [
      { id: "node", header: t("guard.node"), value: (g) => plain(g.nodeName), cell: (g) => <NodeOf of={g} />, min: 140, grow: 1.4 },
      {
        id: "mode",
        header: t("guard.modeHead"),
        value: (g) => modeOf(g),
        cell: (g) => <ModeBadge mode={modeOf(g)} />,
        word: (v) => t(`guard.mode.${v as "none"}`),
        order: [...modes].reverse(),
        few: true,
        min: 120,
        grow: 0.7,
      },
      { id: "profile", header: t("guard.profile"), value: (g) => plain(g.profile), few: true, min: 100, grow: 0.7 },
      {
        id: "lock",
        header: t("guard.lockHead"),
        value: (g) => lockOf(g),
        cell: (g) => <LockBadge lock={lockOf(g)} />,
        word: (v) => t(`guard.lock.${v as "open"}`),
        order: locks,
        few: true,
        min: 120,
        grow: 0.7,
      },
      {
        id: "status",
        header: requirement,
        value: (g) => stateOfRequirement(g.status),
        cell: (g) => (
          <PageLink to="/requirements/$id" params={{ id: requirement }} search={{ node: g.node }} underline="never">
            <StatusBadge status={g.status} />
          </PageLink>
        ),
        word: (v) => t(`common.status.${v as "met"}`),
        order: statuses,
        min: 120,
        grow: 0.7,
      },
      {
        id: "findings",
        header: t("guard.findings"),
        value: (g) => g.findings.length,
        cell: (g) =>
          g.findings.length === 0 ? (
            <span className={classes.soft}>0</span>
          ) : (
            <span className={classes.mark}>
              <ToneIcon tone="bad" size={14} /> {g.findings.length}
            </span>
          ),
        min: 90,
        grow: 0.5,
      },
      { id: "engine", header: t("guard.engine"), value: (g) => plain(g.engine), hidden: true, min: 150 },
      { id: "socket", header: t("guard.socket"), value: (g) => plain(g.socket), min: 170, grow: 1.2 },
      { id: "tls", header: t("guard.tls"), value: (g) => plain(g.tls), hidden: true, min: 120 },
      { id: "policies", header: t("guard.policies"), value: (g) => Number(g.policies), numeric: true, hidden: true, min: 90 },
      { id: "version", header: t("guard.version"), value: (g) => plain(g.version), hidden: true, min: 100 },
      {
        id: "started",
        header: t("guard.started"),
        value: (g) => dateOf(g.started),
        cell: (g) => (g.started === undefined ? "–" : <Time at={g.started} />),
        hidden: true,
        min: 110,
      },
      { id: "seen", header: t("guard.seen"), ...moment((g: Guard) => g.seen), min: 110, grow: 0.7 },
      { id: "tenant", header: t("guard.tenant"), value: (g) => g.tenant, groups: true, hidden: true, min: 100 },
    ],
    [t],
  );
  return (
    <DataTable
      id="guards"
      label={t("guard.guards")}
      rows={p.rows}
      more={p.more}
      columns={columns}
      rowKey={(g) => g.node}
      open={p.open}
      search={p.search}
      onSearch={p.onSearch}
      height="22rem"
      empty={p.empty}
    />
  );
}
