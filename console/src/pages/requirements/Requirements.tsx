import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { drillKinds, drillList } from "@/api/proofs";
import { catalogue, status } from "@/api/queries";
import { PageLink } from "@/components/links";
import { Page } from "@/components/Page";
import { sectionOf } from "@/components/Picture";
import { Result } from "@/components/Result";
import { StatusBadge, statuses } from "@/components/StatusBadge";
import type { RequirementStatus } from "@/gen/operations_pb";
import { useReplace } from "@/lib/useReplace";
import { useWords } from "@/lib/words";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { VerdictBadge, verdicts, worstDrill } from "./Proofs";

/** All 29 requirements with where they stand. */
export function Requirements() {
  const { t } = useTranslation();
  const words = useWords();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/requirements" });
  const tenant = useTenant();
  const all = useQuery(status(tenant));
  const known = useQuery(catalogue());
  const drilled = useQuery(drillList(tenant));
  const kinds = useQuery(drillKinds());
  const columns = useMemo((): Column<RequirementStatus>[] => {
    const sections = known.data?.sections ?? [];
    const drillable = new Set(kinds.data?.drills.map((d) => d.requirement));
    const verdict = (id: string) => (drillable.has(id) ? worstDrill(drilled.data?.rows ?? [], id) : "absent");
    const section = (id: string) => {
      const s = sections.find((x) => x.id === id);
      return s === undefined ? id : `${s.id} ${words(s.title?.en, s.title?.zh)}`;
    };
    return [
      { id: "id", header: t("requirements.id"), value: (r) => r.id, min: 70, grow: 0.4 },
      {
        id: "title",
        header: t("requirements.name"),
        value: (r) => words(r.title, r.titleZh),
        cell: (r) => (
          <PageLink to="/requirements/$id" params={{ id: r.id }} title={words(r.title, r.titleZh)}>
            {words(r.title, r.titleZh)}
          </PageLink>
        ),
        min: 390,
        grow: 4,
      },
      {
        id: "status",
        header: t("requirements.status"),
        value: (r) => r.status,
        cell: (r) => <StatusBadge status={r.status} />,
        word: (v) => t(`common.status.${v as "met"}`),
        order: statuses,
        few: true,
        min: 140,
      },
      {
        id: "keyword",
        header: t("requirements.keyword"),
        value: (r) => r.keyword,
        word: (v) => t(`common.keyword.${v as "shall"}`),
        cell: (r) => t(`common.keyword.${r.keyword as "shall"}`),
        few: true,
        min: 90,
        grow: 0.5,
      },
      {
        id: "section",
        header: t("requirements.section"),
        value: (r) => sectionOf(r.id, sections),
        word: section,
        cell: (r) => section(sectionOf(r.id, sections)),
        few: true,
        hidden: true,
        min: 160,
      },
      {
        id: "nodes",
        header: t("requirements.notMetOn"),
        value: (r) => (r.nodes.not_met ?? 0) + (r.nodes.partly_met ?? 0),
        cell: (r) =>
          t("requirements.ofNodes", {
            count: (r.nodes.not_met ?? 0) + (r.nodes.partly_met ?? 0),
            all: Object.values(r.nodes).reduce((a, b) => a + b, 0),
          }),
        min: 130,
        grow: 0.6,
      },
      {
        id: "drill",
        header: t("proofs.column"),
        value: (r) => verdict(r.id),
        cell: (r) => (drillable.has(r.id) ? <VerdictBadge verdict={verdict(r.id)} /> : "–"),
        word: (v) => t(`proofs.verdict.${v as "none"}`),
        order: [...verdicts, "absent"],
        few: true,
        min: 125,
        grow: 0.4,
      },
      {
        id: "reason",
        header: t("requirements.reason"),
        value: (r) => words(r.reason, r.reasonZh),
        twoLines: true,
        min: 195,
        grow: 2,
      },
    ];
  }, [t, words, known.data, drilled.data, kinds.data]);
  return (
    <Page title={t("requirements.title")} about={t("requirements.about")}>
      <Result of={all} what={t("requirements.failed")} rows={10}>
        {(s) => (
          <DataTable
            id="requirements"
            label={t("requirements.title")}
            rows={s.requirements}
            columns={columns}
            rowKey={(r) => r.id}
            open={(r) => void navigate({ to: "/requirements/$id", params: { id: r.id } })}
            search={search}
            onSearch={(next) => void replace({ to: "/requirements", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={<Text>{t("requirements.failed")}</Text>}
          />
        )}
      </Result>
    </Page>
  );
}
