import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { proposalList } from "@/api/policies";
import { Empty } from "@/components/Empty";
import { ButtonLink, PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Who } from "@/components/Who";
import type { PolicyProposal } from "@/gen/policy_pb";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { ProposalBadge, proposalStates } from "./parts";

/** What waits for a second person, and what became of it. */
export function Proposals() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/policies/proposals" });
  const all = useQuery(proposalList(useTenant()));
  const columns = useMemo(
    (): Column<PolicyProposal>[] => [
      {
        id: "note",
        header: t("policies.note"),
        value: (p) => p.note,
        cell: (p) => (
          <PageLink to="/policies/proposals/$id" params={{ id: p.id }} title={plain(p.note)}>
            {plain(p.note)}
          </PageLink>
        ),
        min: 220,
        grow: 3,
      },
      {
        id: "state",
        header: t("policies.stateOf"),
        value: (p) => p.state,
        cell: (p) => <ProposalBadge state={p.state} />,
        word: (v) => t(`policies.state.${v as "pending"}`),
        order: proposalStates,
        few: true,
        min: 130,
      },
      { id: "tenant", header: t("policies.tenant"), value: (p) => p.tenant, few: true, min: 110 },
      { id: "author", header: t("policies.author"), value: (p) => p.author, cell: (p) => <Who id={p.author} />, min: 130 },
      { id: "approver", header: t("policies.decidedBy"), value: (p) => p.approver, cell: (p) => <Who id={p.approver} />, min: 130 },
      {
        id: "created",
        header: t("policies.proposedAt"),
        ...moment((p: PolicyProposal) => p.created),
        min: 120,
      },
    ],
    [t],
  );
  return (
    <Page
      title={t("policies.proposals")}
      about={t("policies.proposalsAbout")}
      actions={<ButtonLink to="/policies/edit">{t("policies.edit")}</ButtonLink>}
    >
      <Result of={all} what={t("policies.proposalsFailed")} rows={6}>
        {({ rows, more }) => (
          <DataTable
            id="proposals"
            label={t("policies.proposals")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(p) => p.id}
            open={(p) => void navigate({ to: "/policies/proposals/$id", params: { id: p.id } })}
            search={search}
            onSearch={(next) => void replace({ to: "/policies/proposals", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={
              <Panel title={t("policies.proposals")}>
                <Empty title={t("policies.noProposals")} how={t("policies.noProposalsHow")}>
                  <ButtonLink to="/policies/edit">{t("policies.edit")}</ButtonLink>
                </Empty>
              </Panel>
            }
          />
        )}
      </Result>
    </Page>
  );
}
