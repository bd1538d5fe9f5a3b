import { Group, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { quoted } from "@/api/lists";
import { catalogue, eventList, findingList, node } from "@/api/queries";
import { AuditButton } from "@/components/AuditLink";
import { CallsButton } from "@/components/CallsButton";
import { EventLines } from "@/components/EventLines";
import { ButtonLink, PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Picture } from "@/components/Picture";
import { Result } from "@/components/Result";
import { SmallTable } from "@/components/SmallTable";
import { HealthBadge, SeverityBadge, StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Node } from "@/gen/node_pb";
import { plain } from "@/lib/plain";
import { silenceOf } from "@/lib/silence";
import { useWords } from "@/lib/words";
import { noState, searchOf } from "@/table/state";
import { StateMark } from "../inventory/parts";
import classes from "../requirements/Requirement.module.css";
import { NodeActions } from "./Actions";
import { workOf } from "./Nodes";

/** One node: what it is, where it stands, what runs there, and what happened. */
export function NodePage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/nodes/$id" });
  const one = useQuery(node(id));
  return (
    <Result of={one} what={t("nodes.oneFailed")} rows={8} page>
      {(n) => <One n={n} />}
    </Result>
  );
}

function One({ n }: { n: Node }) {
  const { t } = useTranslation();
  return (
    <Page
      title={n.name}
      badge={<HealthBadge health={n.health} />}
      about={
        <>
          {n.healthReason !== "" && `${silenceOf(t, n.healthReason)} · `}
          {t("nodes.since")} <Time at={n.healthSince} />
        </>
      }
      actions={
        <>
          <ButtonLink to="/nodes/$id/facts" params={{ id: n.id }} variant="default" size="xs">
            {t("nodes.facts")}
          </ButtonLink>
          <CallsButton of={{ node: n.id }}>{t("nodes.calls")}</CallsButton>
          <AuditButton of={{ type: "Node", resource: n.id }} />
          <NodeActions n={n} />
        </>
      }
    >
      {n.losses.length > 0 && <Losses n={n} />}
      <div className={classes.columns}>
        <Stack gap="md" miw={0}>
          <Standing n={n} />
          <Open n={n} />
          <Workloads n={n} />
        </Stack>
        <Stack gap="md" miw={0}>
          <About n={n} />
          <History n={n} />
        </Stack>
      </div>
    </Page>
  );
}

function Losses({ n }: { n: Node }) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <Panel title={t("nodes.losses")}>
      {n.losses.map((l) => (
        <article key={l.requirement} className={classes.check}>
          <div className={classes.checkHead}>
            <PageLink to="/requirements/$id" params={{ id: l.requirement }} search={{ node: n.id }} fw={600}>
              {l.requirement}
            </PageLink>
            <StatusBadge status={l.status} />
          </div>
          <Text>{words(l.text, l.textZh)}</Text>
        </article>
      ))}
    </Panel>
  );
}

function Standing({ n }: { n: Node }) {
  const { t } = useTranslation();
  const known = useQuery(catalogue());
  return (
    <Panel
      title={t("nodes.standing")}
      aside={
        <Text size="xs" c="dimmed">
          {t("nodes.assessed")} <Time at={n.assessed} />
        </Text>
      }
    >
      {n.assessed === undefined ? (
        <Text c="dimmed">{t("nodes.notAssessed")}</Text>
      ) : (
        <Result of={known} what={t("nodes.oneFailed")}>
          {(c) => (
            <Picture
              node={n.id}
              sections={c.sections}
              tiles={c.requirements.map((r) => ({
                id: r.id,
                title: r.title?.en ?? "",
                titleZh: r.title?.zh ?? "",
                status: n.statuses[r.id] ?? "unknown",
              }))}
            />
          )}
        </Result>
      )}
    </Panel>
  );
}

function Open({ n }: { n: Node }) {
  const { t } = useTranslation();
  const words = useWords();
  const all = useQuery(findingList("", `node = ${quoted(n.id)} AND over = false`, 200));
  return (
    <Panel
      title={t("nodes.findings")}
      flush
      aside={
        <PageLink to="/findings" search={ofNode(n)} size="xs">
          {t("nodes.allFindings")}
        </PageLink>
      }
    >
      <Result of={all} what={t("nodes.findingsFailed")}>
        {({ rows, more }) =>
          rows.length === 0 ? (
            <Text p="md" c="dimmed">
              {t("nodes.noFindings")}
            </Text>
          ) : (
            <>
              <SmallTable
                label={t("nodes.findings")}
                head={[
                  { name: t("findings.severity"), w: 100 },
                  { name: t("findings.requirement"), w: 100 },
                  t("findings.text"),
                  { name: t("findings.first"), w: 110 },
                ]}
              >
                {rows.map((f) => (
                  <Table.Tr key={f.id}>
                    <Table.Td>
                      <SeverityBadge severity={f.severity} />
                    </Table.Td>
                    <Table.Td>
                      {f.requirement !== "" && (
                        <PageLink to="/requirements/$id" params={{ id: f.requirement }} search={{ node: n.id }}>
                          {f.requirement}
                        </PageLink>
                      )}
                    </Table.Td>
                    <Table.Td style={{ overflowWrap: "anywhere" }}>
                      {f.subject !== "" && <code>{plain(f.subject)}</code>}{" "}
                      <PageLink to="/findings/$node/$id" params={{ node: f.node, id: f.id }} c="inherit" inherit>
                        {words(f.text, f.textZh)}
                      </PageLink>
                    </Table.Td>
                    <Table.Td>
                      <Time at={f.first} />
                    </Table.Td>
                  </Table.Tr>
                ))}
              </SmallTable>
              {more && (
                <Text p="md" c="dimmed">
                  {t("nodes.onlyFindings", { count: rows.length })}
                </Text>
              )}
            </>
          )
        }
      </Result>
    </Panel>
  );
}

function Workloads({ n }: { n: Node }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("nodes.workloads")} flush aside={<Stock n={n} />}>
      {n.workloads.length === 0 ? (
        <Text p="md" c="dimmed">
          {t("nodes.noWorkloads")}
        </Text>
      ) : (
        <SmallTable
          label={t("nodes.workloads")}
          head={[t("nodes.container"), t("nodes.image"), { name: t("nodes.state"), w: 130 }]}
        >
          {n.workloads.map((w) => (
            <Table.Tr key={w.id}>
              <Table.Td style={{ overflowWrap: "anywhere" }}>
                <PageLink to="/containers/$node/$id" params={{ node: n.id, id: w.id }}>
                  {plain(w.name)}
                </PageLink>
              </Table.Td>
              <Table.Td style={{ overflowWrap: "anywhere" }}>
                <code>{plain(w.image)}</code>
              </Table.Td>
              <Table.Td>
                <StateMark c={w} />
              </Table.Td>
            </Table.Tr>
          ))}
        </SmallTable>
      )}
    </Panel>
  );
}

/** The rows of a table that are about the node. */
const ofNode = (n: Node) => searchOf({ ...noState, only: { node: [n.name] } });

/** What the node has, as tables. */
function Stock({ n }: { n: Node }) {
  const { t } = useTranslation();
  return (
    <Group gap="sm">
      {(["/containers", "/images", "/networks"] as const).map((to) => (
        <PageLink key={to} to={to} search={ofNode(n)} size="xs">
          {t(`shell.nav.${to.slice(1) as "images"}`)}
        </PageLink>
      ))}
    </Group>
  );
}

function About({ n }: { n: Node }) {
  const { t } = useTranslation();
  const labels = Object.entries(n.labels).map(([k, v]) => `${k}=${v}`);
  const behind = (have: bigint, want: bigint) =>
    have < want ? t("nodes.behind", { have: String(have), want: String(want) }) : String(have);
  return (
    <Panel title={t("nodes.aboutNode")}>
      <Facts
        of={[
          [t("nodes.id"), <code key="id">{n.id}</code>],
          [t("nodes.tenant"), n.tenant],
          [t("nodes.pool"), n.pool],
          [t("nodes.sensitivity"), n.sensitivity || t("table.none")],
          [t("nodes.labels"), labels.join(", ") || t("table.none")],
          [t("nodes.addresses"), n.addresses.join(", ") || t("table.none")],
          [t("nodes.work"), t(`nodes.workState.${workOf(n)}`)],
          [t("nodes.agent"), n.agentVersion],
          [t("nodes.joined"), <Time key="j" at={n.joined} full />],
          [t("nodes.seen"), <Time key="s" at={n.lastSeen} full />],
          [t("nodes.factsTaken"), <Time key="f" at={n.factsTaken} full />],
          [t("nodes.policies"), behind(n.policiesVersion, n.policiesTarget)],
          [t("nodes.settings"), behind(n.settingsVersion, n.settingsTarget)],
          [t("nodes.certificate"), <Time key="c" at={n.certificateEnds} full />],
          [t("nodes.spooled"), t("nodes.spooledOf", { bytes: String(n.spooled), dropped: String(n.dropped) })],
        ]}
      />
    </Panel>
  );
}

function History({ n }: { n: Node }) {
  const { t } = useTranslation();
  const all = useQuery(eventList("", { node: n.id }, 30));
  return (
    <Panel
      title={t("nodes.history")}
      flush
      aside={
        <PageLink to="/events" search={{ node: n.id }} size="xs">
          {t("nodes.allEvents")}
        </PageLink>
      }
    >
      <Result of={all} what={t("nodes.historyFailed")}>
        {({ rows }) => <EventLines events={rows} nodes={false} />}
      </Result>
    </Panel>
  );
}
