import { Button, SegmentedControl, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { findingList, me } from "@/api/queries";
import { Empty } from "@/components/Empty";
import { PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { SeverityBadge, severities, severityOf } from "@/components/StatusBadge";
import type { Finding } from "@/gen/fleet_pb";
import { keyOf, stateOf, states, viewFilter, views } from "@/lib/findings";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useWords } from "@/lib/words";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { FindingDetail } from "./Detail";
import { FindingState } from "./State";
import { TriageDialog } from "./Triage";

const initial = { group: "kind" };

/** What is wrong on the nodes. Findings of one kind are one line until it is opened. */
export function Findings() {
  const { t } = useTranslation();
  const words = useWords();
  const replace = useReplace();
  const search = useSearch({ from: "/findings" });
  const tenant = useTenant();
  const caller = useQuery(me()).data;
  const [chosen, setChosen] = useState<Finding>();
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const [triaging, setTriaging] = useState<readonly Finding[]>([]);
  const { view } = search;
  const all = useQuery({
    ...findingList(tenant, viewFilter(view, caller?.id ?? "")),
    enabled: view !== "mine" || caller !== undefined,
  });
  // What is no longer there is no longer selected.
  const selected = useMemo(
    () => (keys.size === 0 ? [] : (all.data?.rows.filter((f) => keys.has(keyOf(f))) ?? [])),
    [keys, all.data],
  );
  const columns = useMemo(
    (): Column<Finding>[] => [
      {
        id: "severity",
        header: t("findings.severity"),
        value: (f) => severityOf(f.severity),
        cell: (f) => <SeverityBadge severity={f.severity} />,
        word: (v) => t(`common.severity.${v as "low"}`),
        order: severities,
        few: true,
        min: 105,
        grow: 0.5,
      },
      { id: "text", header: t("findings.text"), value: (f) => words(f.text, f.textZh), min: 280, grow: 4 },
      {
        id: "subject",
        header: t("findings.subject"),
        value: (f) => plain(f.subject),
        cell: (f) => <code title={plain(f.subject)}>{plain(f.subject)}</code>,
        min: 130,
        grow: 1.4,
      },
      {
        id: "node",
        header: t("findings.node"),
        value: (f) => f.nodeName,
        cell: (f) => (
          <PageLink to="/nodes/$id" params={{ id: f.node }} title={f.nodeName}>
            {f.nodeName}
          </PageLink>
        ),
        few: true,
        min: 120,
      },
      {
        id: "requirement",
        header: t("findings.requirement"),
        value: (f) => f.requirement,
        cell: (f) =>
          f.requirement !== "" && (
            <PageLink to="/requirements/$id" params={{ id: f.requirement }} search={{ node: f.node }}>
              {f.requirement}
            </PageLink>
          ),
        few: true,
        min: 105,
        grow: 0.5,
      },
      {
        id: "kind",
        header: t("findings.kind"),
        value: (f) => f.kind,
        cell: (f) => <code title={f.kind}>{f.kind}</code>,
        few: true,
        hidden: true,
        min: 150,
      },
      {
        id: "state",
        header: t("findings.stateLabel"),
        value: (f) => stateOf(f.state),
        cell: (f) => <FindingState state={f.state} />,
        word: (v) => t(`findings.state.${stateOf(v)}`),
        order: states,
        few: true,
        min: 130,
        grow: 0.6,
      },
      {
        id: "owner",
        header: t("findings.owner"),
        value: (f) => plain(f.owner?.name ?? ""),
        few: true,
        min: 100,
        grow: 0.8,
      },
      {
        id: "excepted",
        header: t("findings.excepted"),
        value: (f) => (f.exception === "" ? "no" : "yes"),
        cell: (f) => t(f.exception === "" ? "findings.yesno.no" : "findings.yesno.yes"),
        word: (v) => t(`findings.yesno.${v as "no"}`),
        few: true,
        hidden: true,
        min: 90,
        grow: 0.5,
      },
      { id: "tenant", header: t("nodes.tenant"), value: (f) => f.tenant, few: true, hidden: true, min: 100 },
      { id: "count", header: t("findings.count"), value: (f) => Number(f.count), hidden: true, min: 80, grow: 0.4 },
      {
        id: "first",
        header: t("findings.first"),
        ...moment((f: Finding) => f.first),
        min: 105,
        grow: 0.6,
      },
      {
        id: "last",
        header: t("findings.last"),
        ...moment((f: Finding) => f.last),
        hidden: true,
        min: 105,
        grow: 0.6,
      },
    ],
    [t, words],
  );
  return (
    <Page
      title={t("findings.title")}
      about={t("findings.about")}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t("findings.which")}
          value={view ?? "open"}
          onChange={(v) => {
            setKeys(new Set());
            void replace({
              to: "/findings",
              search: (old) => ({ ...old, view: views.find((known) => known === v) }),
            });
          }}
          data={(["open", ...views] as const).map((v) => ({ value: v, label: t(`findings.view.${v}`) }))}
        />
      }
    >
      <Result of={all} what={t("findings.failed")} rows={10}>
        {({ rows, more }) => (
          <DataTable
            id="findings"
            label={t("findings.title")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={keyOf}
            selection={{ keys, set: setKeys }}
            actions={
              selected.length > 0 && (
                <>
                  <Button size="xs" onClick={() => setTriaging(selected)}>
                    {t("findings.triageOf", { count: selected.length })}
                  </Button>
                  <Button size="xs" variant="subtle" onClick={() => setKeys(new Set())}>
                    {t("findings.unselect")}
                  </Button>
                </>
              )
            }
            open={setChosen}
            search={search}
            onSearch={(next) =>
              void replace({ to: "/findings", search: (old) => ({ tenant: old.tenant, view: old.view, ...next }) })
            }
            initial={initial}
            groupNote={(of, by) => <GroupNote of={of} by={by} />}
            empty={
              <Panel title={t("findings.title")}>
                <Empty title={t(`findings.noneOf.${view ?? "open"}`)} how={t(`findings.noneHow.${view ?? "open"}`)} />
              </Panel>
            }
          />
        )}
      </Result>
      <Text className="hidden-text" role="status">
        {chosen === undefined ? "" : t("findings.shown")}
      </Text>
      <FindingDetail finding={chosen} onClose={() => setChosen(undefined)} triage={(f) => setTriaging([f])} />
      {triaging.length > 0 && (
        <TriageDialog
          of={triaging}
          onClose={() => setTriaging([])}
          done={() => {
            setKeys(new Set());
            setChosen(undefined);
          }}
        />
      )}
    </Page>
  );
}

/** The gravest of a group, and on how many nodes it is. */
function GroupNote({ of, by }: { of: readonly Finding[]; by: string }) {
  const { t } = useTranslation();
  const worst = severities.find((s) => of.some((f) => severityOf(f.severity) === s)) ?? "info";
  return (
    <>
      {by !== "severity" && <SeverityBadge severity={worst} />}
      <Text span size="xs" c="dimmed" fw={400}>
        {t("findings.onNodes", { count: new Set(of.map((f) => f.node)).size })}
      </Text>
    </>
  );
}
