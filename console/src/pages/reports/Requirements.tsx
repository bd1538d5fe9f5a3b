import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Panel } from "@/components/Page";
import { SeverityBadge, StatusBadge, statuses, ToneIcon, toneOfStatus } from "@/components/StatusBadge";
import type { ReportContent, ReportRequirement } from "./content";
import { EvidenceText } from "./EvidenceText";
import { Rows, useSay } from "./parts";
import classes from "./Reports.module.css";

/** Where each requirement stood. */
export function RequirementTable({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <Panel title={t("reports.requirements")} flush>
      <Rows
        label={t("reports.requirements")}
        head={[t("reports.requirement"), t("reports.status"), t("reports.before"), t("reports.nodes")]}
      >
        {c.requirements.map((q) => (
          <Table.Tr key={q.id}>
            <Table.Td>
              <b>{q.id}</b> {say(q.title)}
              <Text size="xs" c="dimmed">
                {say(q.reason)}
              </Text>
            </Table.Td>
            <Table.Td>
              <StatusBadge status={q.status} />
            </Table.Td>
            <Table.Td>{q.before === "" ? "–" : <StatusBadge status={q.before} />}</Table.Td>
            <Table.Td>
              <span className={classes.counts}>
                {statuses.map((s) =>
                  (q.nodes[s] ?? 0) === 0 ? null : (
                    <span key={s} title={t(`common.status.${s}`)}>
                      <ToneIcon tone={toneOfStatus[s]} size={14} /> {q.nodes[s]}
                      <span className="hidden-text">{t(`common.status.${s}`)}</span>
                    </span>
                  ),
                )}
              </span>
            </Table.Td>
          </Table.Tr>
        ))}
      </Rows>
    </Panel>
  );
}

/** What failed, with evidence and what to do. */
export function Failing({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  const failing = c.requirements.filter((q) => q.checks.length > 0);
  return (
    <Panel title={t("reports.failing")}>
      {failing.length === 0 && <Text>{t("reports.noneFailing")}</Text>}
      {failing.map((q) => (
        <FailingOne key={q.id} q={q} all={c.nodes_assessed} />
      ))}
    </Panel>
  );
}

function FailingOne({ q, all }: { q: ReportRequirement; all: number }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <section className={classes.req} aria-label={`${q.id} ${say(q.title)}`}>
      <h3 className={classes.reqHead}>
        {q.id} {say(q.title)} <StatusBadge status={q.status} />
      </h3>
      {q.checks.map((k) => (
        <div key={k.id} className={classes.check}>
          <h4 className={classes.checkHead}>
            {say(k.title)} <SeverityBadge severity={k.severity} />
          </h4>
          <Text size="xs" c="dimmed">
            <code>{k.id}</code>
            {(k.nodes.fail ?? 0) > 0 && ` · ${t("reports.onNodes", { count: k.nodes.fail ?? 0, all })}`}
          </Text>
          <ul className={classes.evidence}>
            {k.evidence.map((e, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: pieces of evidence have no id and never move
              <EvidenceText key={i} e={e} />
            ))}
            {k.left_out > 0 && <li>{t("reports.leftOut", { count: k.left_out })}</li>}
          </ul>
          {k.remediation.en !== "" && (
            <div className={classes.remedy}>
              <b>{t("reports.remedy")}</b>
              <div>{say(k.remediation)}</div>
            </div>
          )}
        </div>
      ))}
    </section>
  );
}
