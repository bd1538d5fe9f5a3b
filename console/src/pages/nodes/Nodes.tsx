import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { nodeList } from "@/api/queries";
import { Empty } from "@/components/Empty";
import { ButtonLink, PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { HealthBadge, ToneIcon } from "@/components/StatusBadge";
import type { Node } from "@/gen/node_pb";
import { silenceOf } from "@/lib/silence";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";

const countOf = (n: Node, status: string) => Object.values(n.statuses).filter((s) => s === status).length;

/** The machines of the fleet. */
export function Nodes() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/nodes" });
  const tenant = useTenant();
  const all = useQuery(nodeList(tenant));
  const columns = useMemo(
    (): Column<Node>[] => [
      {
        id: "name",
        header: t("nodes.name"),
        value: (n) => n.name,
        cell: (n) => (
          <PageLink to="/nodes/$id" params={{ id: n.id }} title={n.name}>
            {n.name}
          </PageLink>
        ),
        min: 170,
        grow: 2,
      },
      {
        id: "health",
        header: t("nodes.health"),
        value: (n) => n.health,
        cell: (n) => (
          <>
            <HealthBadge health={n.health} />{" "}
            <Text span size="xs" c="dimmed">
              {silenceOf(t, n.healthReason)}
            </Text>
          </>
        ),
        word: (v) => t(`common.health.${v as "up"}`),
        order: ["silent", "stopped", "revoked", "up"],
        few: true,
        min: 225,
        grow: 1.3,
      },
      {
        id: "not_met",
        header: t("nodes.notMet"),
        value: (n) => countOf(n, "not_met"),
        cell: (n) => <Count tone="bad" n={countOf(n, "not_met")} />,
        min: 90,
        grow: 0.5,
      },
      {
        id: "partly",
        header: t("nodes.partly"),
        value: (n) => countOf(n, "partly_met"),
        cell: (n) => <Count tone="part" n={countOf(n, "partly_met")} />,
        min: 100,
        grow: 0.5,
      },
      {
        id: "unknown",
        header: t("nodes.unknown"),
        value: (n) => countOf(n, "unknown"),
        cell: (n) => <Count tone="unknown" n={countOf(n, "unknown")} />,
        min: 95,
        grow: 0.5,
      },
      { id: "pool", header: t("nodes.pool"), value: (n) => n.pool, few: true, min: 120 },
      { id: "tenant", header: t("nodes.tenant"), value: (n) => n.tenant, few: true, hidden: true, min: 110 },
      { id: "sensitivity", header: t("nodes.sensitivity"), value: (n) => n.sensitivity, few: true, hidden: true, min: 110 },
      {
        id: "cordoned",
        header: t("nodes.work"),
        value: (n) => workOf(n),
        cell: (n) => t(`nodes.workState.${workOf(n)}`),
        word: (v) => t(`nodes.workState.${v as "open"}`),
        few: true,
        min: 110,
      },
      { id: "agent", header: t("nodes.agent"), value: (n) => n.agentVersion, few: true, min: 120 },
      { id: "seen", header: t("nodes.seen"), ...moment((n: Node) => n.lastSeen), min: 120 },
    ],
    [t],
  );
  return (
    <Page
      title={t("nodes.title")}
      about={t("nodes.about")}
      actions={
        <>
          <ButtonLink to="/nodes/tokens" variant="default">
            {t("directory.joinTokens")}
          </ButtonLink>
          <ButtonLink to="/nodes/join">{t("nodes.join")}</ButtonLink>
        </>
      }
    >
      <Result of={all} what={t("nodes.failed")} rows={10}>
        {({ rows, more }) => (
          <DataTable
            id="nodes"
            label={t("nodes.title")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(n) => n.id}
            open={(n) => void navigate({ to: "/nodes/$id", params: { id: n.id } })}
            search={search}
            onSearch={(next) => void replace({ to: "/nodes", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={
              <Panel title={t("nodes.title")}>
                <Empty title={t("nodes.none")} how={t("nodes.noneHow")}>
                  <ButtonLink to="/nodes/join">{t("nodes.join")}</ButtonLink>
                </Empty>
              </Panel>
            }
          />
        )}
      </Result>
    </Page>
  );
}

export function workOf(n: Node): "open" | "cordoned" | "drained" {
  return n.drained ? "drained" : n.cordoned ? "cordoned" : "open";
}

function Count({ tone, n }: { tone: "bad" | "part" | "unknown"; n: number }) {
  if (n === 0)
    return (
      <Text span c="dimmed">
        0
      </Text>
    );
  return (
    <span style={{ display: "inline-flex", alignItems: "center", gap: 4 }}>
      <ToneIcon tone={tone} size={14} /> {n}
    </span>
  );
}
