import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { networkList } from "@/api/inventory";
import { PageLink } from "@/components/links";
import { Page } from "@/components/Page";
import { Result } from "@/components/Result";
import { ToneIcon } from "@/components/StatusBadge";
import type { Network } from "@/gen/inventory_pb";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { tableSearch } from "@/table/state";
import classes from "./Inventory.module.css";
import { GoneChoice, NodeLink, NothingYet } from "./parts";
import { type Reach, reaches, reachOf, toneOfReach } from "./reach";

/** The networks of all nodes. */
export function Networks() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/networks" });
  const table = useMemo(() => tableSearch({ ...search }), [search]);
  const tenant = useTenant();
  const gone = search.gone === true;
  const all = useQuery(networkList(tenant, gone));
  const columns = useMemo(
    (): Column<Network>[] => [
      {
        id: "name",
        header: t("inventory.name"),
        value: (n) => plain(n.name),
        cell: (n) => (
          <PageLink to="/networks/$node/$id" params={{ node: n.node, id: n.id }} title={plain(n.name)}>
            {plain(n.name)}
          </PageLink>
        ),
        few: true,
        min: 170,
        grow: 1.6,
      },
      { id: "node", header: t("inventory.node"), value: (n) => n.nodeName, cell: (n) => <NodeLink of={n} />, few: true, min: 130 },
      { id: "driver", header: t("inventory.driver"), value: (n) => plain(n.driver), few: true, min: 100, grow: 0.7 },
      {
        id: "reach",
        header: t("inventory.reachHead"),
        value: (n) => reachOf(n),
        cell: (n) => <ReachMark n={n} />,
        word: (v) => t(`inventory.reach.${v as Reach}`),
        order: reaches,
        few: true,
        min: 200,
        grow: 1.5,
      },
      { id: "subnets", header: t("inventory.subnets"), value: (n) => plain(n.subnets.join(", ")), min: 150, grow: 1.2 },
      { id: "used", header: t("inventory.containers.title"), value: (n) => n.used, numeric: true, min: 125, grow: 0.5 },
      { id: "scope", header: t("inventory.scope"), value: (n) => plain(n.scope), hidden: true, min: 90, grow: 0.6 },
      { id: "tenant", header: t("nodes.tenant"), value: (n) => n.tenant, hidden: true, min: 100 },
      { id: "id", header: t("inventory.id"), value: (n) => plain(n.id), hidden: true, min: 130 },
      {
        id: "changed",
        header: t("inventory.changed"),
        ...moment((n: Network) => n.gone ?? n.changed),
        min: 110,
        grow: 0.7,
      },
    ],
    [t],
  );
  const title = t("inventory.networks");
  return (
    <Page
      title={title}
      about={t("inventory.nets.about")}
      actions={
        <GoneChoice gone={gone} set={(on) => void replace({ to: ".", search: (old) => ({ ...old, gone: on || undefined }) })} />
      }
    >
      <Result of={all} what={t("inventory.nets.failed")} rows={10}>
        {(s) => (
          <DataTable
            id="networks"
            label={title}
            rows={s.rows}
            more={s.more}
            coming={!s.whole}
            columns={columns}
            rowKey={(n) => `${n.node}/${n.id}`}
            open={(n) => void navigate({ to: "/networks/$node/$id", params: { node: n.node, id: n.id } })}
            search={table}
            onSearch={(next) =>
              void replace({
                to: "/networks",
                search: (old) => ({ tenant: old.tenant, gone: old.gone, ...next }),
              })
            }
            empty={<NothingYet title={title} none={t("inventory.nets.none")} />}
          />
        )}
      </Result>
    </Page>
  );
}

export function ReachMark({ n }: { n: Network }) {
  const { t } = useTranslation();
  const reach = reachOf(n);
  return (
    <span className={classes.mark}>
      <ToneIcon tone={toneOfReach[reach]} size={14} />
      {t(`inventory.reach.${reach}`)}
    </span>
  );
}
