import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { containerList } from "@/api/inventory";
import { PageLink } from "@/components/links";
import { Page } from "@/components/Page";
import { Result } from "@/components/Result";
import { ToneIcon } from "@/components/StatusBadge";
import type { Container } from "@/gen/inventory_pb";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { tableSearch } from "@/table/state";
import classes from "./Inventory.module.css";
import { imageName, portName } from "./names";
import { GoneChoice, NodeLink, NothingYet, StateMark } from "./parts";
import { isRisk, type Risk, risks, stateOf, states, toneOfRisk } from "./risks";

const worstOf = (c: Container): Risk | "" => c.risks.find(isRisk) ?? "";

/** The containers of all nodes. */
export function Containers() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/containers" });
  const table = useMemo(() => tableSearch({ ...search }), [search]);
  const tenant = useTenant();
  const gone = search.gone === true;
  const all = useQuery(containerList(tenant, gone));
  const columns = useMemo(
    (): Column<Container>[] => [
      {
        id: "name",
        header: t("inventory.name"),
        value: (c) => plain(c.name),
        cell: (c) => (
          <PageLink to="/containers/$node/$id" params={{ node: c.node, id: c.id }} title={plain(c.name)}>
            {plain(c.name)}
          </PageLink>
        ),
        min: 150,
        grow: 1.6,
      },
      {
        id: "state",
        header: t("inventory.stateHead"),
        value: (c) => stateOf(c),
        cell: (c) => <StateMark c={c} />,
        word: (v) => t(`inventory.state.${v as "running"}`),
        order: states,
        few: true,
        min: 135,
        grow: 0.8,
      },
      {
        id: "risk",
        header: t("inventory.risks"),
        value: (c) => worstOf(c),
        cell: (c) => <Risks of={c.risks.filter(isRisk)} />,
        word: (v) => (v === "" ? t("inventory.noRisk") : t(`inventory.risk.${v as Risk}`)),
        order: [...risks, ""],
        few: true,
        min: 178,
        grow: 1.2,
      },
      {
        id: "image",
        header: t("inventory.image"),
        value: (c) => plain(c.image),
        cell: (c) => <code title={plain(c.image)}>{imageName(c.image)}</code>,
        few: true,
        min: 215,
        grow: 1.4,
      },
      { id: "node", header: t("inventory.node"), value: (c) => c.nodeName, cell: (c) => <NodeLink of={c} />, few: true, min: 110 },
      {
        id: "ports",
        header: t("inventory.ports"),
        value: (c) => plain(c.ports.join(", ")),
        cell: (c) => <span title={plain(c.ports.join(", "))}>{c.ports.map(portName).join(", ")}</span>,
        min: 160,
      },
      { id: "networks", header: t("inventory.networks"), value: (c) => plain(c.networks.join(", ")), min: 80, grow: 0.6 },
      { id: "addresses", header: t("inventory.addresses"), value: (c) => plain(c.addresses.join(", ")), hidden: true, min: 130 },
      { id: "user", header: t("inventory.user"), value: (c) => plain(c.user), hidden: true, min: 90, grow: 0.6 },
      {
        id: "orchestrator",
        header: t("inventory.orchestrator"),
        value: (c) => plain(c.orchestrator),
        hidden: true,
        min: 120,
        grow: 0.7,
      },
      {
        id: "restarts",
        header: t("inventory.restarts"),
        value: (c) => c.restarts,
        numeric: true,
        hidden: true,
        min: 90,
        grow: 0.5,
      },
      { id: "tenant", header: t("nodes.tenant"), value: (c) => c.tenant, hidden: true, min: 100 },
      { id: "id", header: t("inventory.id"), value: (c) => plain(c.id), hidden: true, min: 130 },
      {
        id: "created",
        header: t("inventory.created"),
        ...moment((c: Container) => c.created),
        hidden: true,
        min: 110,
        grow: 0.7,
      },
      {
        id: "changed",
        header: t("inventory.changed"),
        ...moment((c: Container) => c.gone ?? c.changed),
        min: 110,
        grow: 0.7,
      },
    ],
    [t],
  );
  const title = t("inventory.containers.title");
  return (
    <Page
      title={title}
      about={t("inventory.containers.about")}
      actions={
        <GoneChoice gone={gone} set={(on) => void replace({ to: ".", search: (old) => ({ ...old, gone: on || undefined }) })} />
      }
    >
      <Result of={all} what={t("inventory.containers.failed")} rows={10}>
        {(s) => (
          <DataTable
            id="containers"
            label={title}
            rows={s.rows}
            more={s.more}
            coming={!s.whole}
            columns={columns}
            rowKey={(c) => `${c.node}/${c.id}`}
            open={(c) => void navigate({ to: "/containers/$node/$id", params: { node: c.node, id: c.id } })}
            search={table}
            onSearch={(next) =>
              void replace({
                to: "/containers",
                search: (old) => ({ tenant: old.tenant, gone: old.gone, ...next }),
              })
            }
            empty={<NothingYet title={title} none={t("inventory.containers.none")} />}
          />
        )}
      </Result>
    </Page>
  );
}

/** The worst by name, and how many more. */
function Risks({ of }: { of: Risk[] }) {
  const { t } = useTranslation();
  const [worst, ...others] = of;
  if (worst === undefined) return <span className={classes.soft}>{t("inventory.noRisk")}</span>;
  return (
    <span className={classes.mark} title={of.map((r) => t(`inventory.risk.${r}`)).join(", ")}>
      <ToneIcon tone={toneOfRisk(worst)} size={14} />
      {t(`inventory.risk.${worst}`)}
      {others.length > 0 && <span className={classes.soft}>{t("inventory.moreRisks", { count: others.length })}</span>}
    </span>
  );
}
