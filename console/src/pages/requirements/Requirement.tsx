import { NativeSelect, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { assessment, catalogue, eventList, status } from "@/api/queries";
import { Empty } from "@/components/Empty";
import { EventLines } from "@/components/EventLines";
import { NoNode } from "@/components/NoNode";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { StatusBadge, stateOfRequirement } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Assessment, CatalogueRequirement, RequirementStatus, Status } from "@/gen/operations_pb";
import { resultOf } from "@/lib/assessment";
import { useReplace } from "@/lib/useReplace";
import { useWords } from "@/lib/words";
import { useTenant } from "@/shell/scope";
import { ByNode } from "./ByNode";
import { Checks } from "./Checks";
import { Exceptions } from "./Exceptions";
import { Controls, LastDrill } from "./Proofs";
import classes from "./Requirement.module.css";
import { ofTenants, worstFirst } from "./standing";

/** One requirement: what it asks, where it stands on each node, why, and what to do. */
export function Requirement() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/requirements/$id" });
  const tenant = useTenant();
  const all = useQuery(status(tenant));
  const known = useQuery(catalogue());
  return (
    <Result of={all} what={t("requirements.failed")} rows={8} page>
      {(s) => {
        const r = s.requirements.find((x) => x.id === id);
        if (r === undefined) return <Empty title={t("requirements.unknown", { id })} how={t("requirements.unknownHow")} page />;
        return <One s={s} r={r} known={known.data?.requirements.find((x) => x.id === id)} />;
      }}
    </Result>
  );
}

function One({ s, r, known }: { s: Status; r: RequirementStatus; known: CatalogueRequirement | undefined }) {
  const { t } = useTranslation();
  const words = useWords();
  const replace = useReplace();
  const { node: wanted } = useSearch({ from: "/requirements/$id" });
  const tenant = useTenant();
  const nodes = useMemo(() => worstFirst(s.nodes, r.id), [s.nodes, r.id]);
  const many = ofTenants(s.nodes, r.id).length > 1;
  const named = (n: Assessment) => (many ? `${n.tenant} / ${n.nodeName}` : n.nodeName);
  const chosen = nodes.find((n) => n.node === wanted) ?? nodes[0];
  const full = useQuery(assessment(chosen?.id ?? ""));
  const history = useQuery(eventList(tenant, { requirement: r.id, kind: "status" }, 20));
  const choose = (node: string) =>
    void replace({ to: "/requirements/$id", params: { id: r.id }, search: (old) => ({ ...old, node }) });
  return (
    <Page
      title={`${r.id} ${words(r.title, r.titleZh)}`}
      badge={<StatusBadge status={r.status} />}
      about={words(known?.asks?.en, known?.asks?.zh)}
    >
      <div className={classes.columns}>
        <Stack gap="md" miw={0}>
          <Panel
            title={t("requirements.checks")}
            aside={
              nodes.length > 0 && (
                <NativeSelect
                  size="xs"
                  aria-label={t("requirements.onNode")}
                  value={chosen?.node}
                  onChange={(e) => choose(e.currentTarget.value)}
                  data={nodes.map((n) => ({
                    value: n.node,
                    label: `${named(n)} · ${t(`common.status.${stateOfRequirement(n.statuses[r.id])}`)}`,
                  }))}
                />
              )
            }
          >
            {chosen === undefined ? (
              <NoNode />
            ) : (
              <Result of={full} what={t("requirements.checksFailed")}>
                {(a) => <Checks node={a.node} result={resultOf(a.document, r.id)} taken={<Time at={a.time} />} />}
              </Result>
            )}
          </Panel>
          <Panel title={t("requirements.history")} flush>
            <Result of={history} what={t("requirements.historyFailed")}>
              {(h) =>
                h.rows.length === 0 ? (
                  <Text p="md" c="dimmed">
                    {t("requirements.noHistory")}
                  </Text>
                ) : (
                  <EventLines events={h.rows} />
                )
              }
            </Result>
          </Panel>
          <Exceptions requirement={r.id} nodes={nodes} />
        </Stack>
        <Stack gap="md" miw={0}>
          <ByNode requirement={r.id} nodes={nodes} chosen={chosen?.node} />
          <Controls requirement={r.id} />
          <LastDrill requirement={r.id} />
          {known !== undefined && (
            <Panel title={t("requirements.explained")}>
              <Facts
                of={[
                  [t("requirements.keyword"), t(`common.keyword.${known.keyword as "shall"}`)],
                  [t("requirements.why"), words(known.why?.en, known.why?.zh)],
                  [t("requirements.evidence"), words(known.evidence?.en, known.evidence?.zh)],
                  [t("requirements.control"), words(known.control?.en, known.control?.zh)],
                  [t("requirements.drill"), words(known.drill?.en, known.drill?.zh)],
                  [t("requirements.threats"), known.threats.join(", ")],
                ]}
              />
            </Panel>
          )}
        </Stack>
      </div>
    </Page>
  );
}
