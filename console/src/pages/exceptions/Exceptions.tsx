import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { exceptionRequests, waitingExceptions } from "@/api/proofs";
import { exceptionList, nodeList } from "@/api/queries";
import { Empty } from "@/components/Empty";
import { ButtonLink, PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Exception } from "@/gen/fleet_pb";
import { useNow } from "@/lib/useNow";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { daysLeft } from "./days";
import { EndException } from "./End";
import { Requests } from "./Requests";
import { Ends } from "./Until";
import { Who } from "./Who";

const initial = { sort: "until" };

/** All exceptions of a tenant, and what waits for a second person. */
export function ExceptionsPage() {
  const { t } = useTranslation();
  const replace = useReplace();
  const search = useSearch({ from: "/exceptions" });
  const tenant = useTenant();
  const now = useNow();
  const all = useQuery(exceptionList(tenant));
  const waiting = useQuery(waitingExceptions(tenant));
  const decided = useQuery(exceptionRequests(tenant, 'state != "pending"', 20));
  const nodes = useQuery(nodeList(tenant));
  const [ending, setEnding] = useState<Exception>();
  const columns = useMemo((): Column<Exception>[] => {
    const name = (id: string) => nodes.data?.rows.find((n) => n.id === id)?.name ?? id;
    const near = (e: Exception) => {
      const left = daysLeft(e.expires, now);
      return left < 0 ? "over" : left <= 14 ? "soon" : "later";
    };
    return [
      {
        id: "check",
        header: t("exceptions.check"),
        value: (e) => e.check,
        cell: (e) => (
          <PageLink to="/requirements/$id" params={{ id: e.check.split("/")[0] ?? "" }} title={e.check}>
            {e.check}
          </PageLink>
        ),
        min: 150,
      },
      {
        id: "subject",
        header: t("exceptions.subject"),
        value: (e) => e.subject || t("exceptions.everything"),
        min: 110,
      },
      {
        id: "node",
        header: t("exceptions.node"),
        value: (e) => (e.node === "" ? t("exceptions.everyNode") : name(e.node)),
        few: true,
        min: 110,
      },
      { id: "reason", header: t("exceptions.reason"), value: (e) => e.reason, min: 220, grow: 3 },
      { id: "owner", header: t("exceptions.owner"), value: (e) => e.owner, few: true, min: 90 },
      { id: "until", header: t("exceptions.until"), value: (e) => e.expires, min: 105, grow: 0.4 },
      {
        id: "ends",
        header: t("exceptions.ends"),
        value: near,
        word: (v) => t(`exceptions.soon.${v as "soon"}`),
        cell: (e) => <Ends expires={e.expires} always />,
        order: ["over", "soon", "later"],
        few: true,
        min: 145,
        grow: 0.4,
      },
      {
        id: "approver",
        header: t("exceptions.approver"),
        value: (e) => e.approver,
        cell: (e) => (e.approver === "" ? "–" : <Who id={e.approver} />),
        min: 105,
        grow: 0.6,
      },
      {
        id: "creator",
        header: t("exceptions.creator"),
        value: (e) => e.creator,
        cell: (e) => <Who id={e.creator} />,
        hidden: true,
        min: 105,
      },
      { id: "tenant", header: t("exceptions.tenant"), value: (e) => e.tenant, few: true, hidden: true, min: 100 },
      {
        id: "end",
        header: t("exceptions.action"),
        value: () => "",
        cell: (e) => (
          <Button size="compact-xs" variant="default" onClick={() => setEnding(e)}>
            {t("exceptions.end")}
          </Button>
        ),
        min: 85,
        grow: 0.2,
      },
    ];
  }, [t, nodes.data, now]);
  return (
    <Page title={t("exceptions.title")} about={t("exceptions.about")}>
      <Panel title={t("exceptions.waiting")} flush>
        <Result of={waiting} what={t("exceptions.requestsFailed")} rows={1}>
          {({ rows }) =>
            rows.length === 0 ? (
              <Text p="md" c="dimmed">
                {t("exceptions.noneWaiting")}
              </Text>
            ) : (
              <Requests of={rows} linked />
            )
          }
        </Result>
      </Panel>
      <Result of={all} what={t("exceptions.failed")}>
        {(x) => (
          <DataTable
            id="exceptions"
            label={t("exceptions.title")}
            rows={x.rows}
            more={x.more}
            columns={columns}
            rowKey={(e) => e.id}
            search={search}
            onSearch={(next) => void replace({ to: "/exceptions", search: (old) => ({ tenant: old.tenant, ...next }) })}
            initial={initial}
            empty={
              <Empty title={t("exceptions.none")} how={t("exceptions.noneHow")}>
                <ButtonLink to="/requirements">{t("exceptions.requirements")}</ButtonLink>
              </Empty>
            }
          />
        )}
      </Result>
      {decided.data !== undefined && decided.data.rows.length > 0 && (
        <Panel title={t("exceptions.decided")} flush>
          <Requests of={decided.data.rows} linked />
        </Panel>
      )}
      <EndException of={ending} onClose={() => setEnding(undefined)} />
    </Page>
  );
}
