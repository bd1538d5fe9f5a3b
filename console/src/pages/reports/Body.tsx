import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Facts, Panel } from "@/components/Page";
import { Summary } from "@/components/Picture";
import type { Report } from "@/gen/report_pb";
import { plain } from "@/lib/plain";
import type { ReportContent } from "./content";
import { Happened } from "./Happened";
import { Nodes } from "./Nodes";
import { Proved } from "./Proved";
import { Exact, Rows, useSay } from "./parts";
import classes from "./Reports.module.css";
import { Failing, RequirementTable } from "./Requirements";

/** What a report says. */
export function Body({ r, c }: { r: Report; c: ReportContent }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <>
      <Panel title={t("reports.summary")}>
        <Summary counts={c.summary} />
        <div className={classes.facts}>
          <Facts
            of={[
              [t("reports.asOfLong"), <Exact key="a" at={r.asOf} />],
              [t("reports.sinceLong"), <Exact key="s" at={r.since} />],
              [t("reports.madeBy"), plain(r.authorName)],
              [t("reports.madeAt"), <Exact key="m" at={r.created} />],
              [t("reports.scope"), say(c.scope.words)],
              [t("reports.nodes"), String(c.nodes_assessed)],
              [t("reports.version"), c.product],
            ]}
          />
          <Text size="xs" c="dimmed" mt="sm">
            {t("reports.digest")}: <code>{r.files.find((f) => f.format === "json")?.sha256}</code>
          </Text>
        </div>
      </Panel>
      <Panel title={t("reports.notKnown")}>
        {c.not_known.length === 0 ? (
          <Text>{t("reports.allKnown")}</Text>
        ) : (
          <ul className={classes.notes}>
            {c.not_known.map((n) => (
              <li key={n.en}>{say(n)}</li>
            ))}
          </ul>
        )}
      </Panel>
      <RequirementTable c={c} />
      <Failing c={c} />
      <Happened c={c} />
      <Proved c={c} />
      <Nodes c={c} />
      <Panel title={t("reports.audit")} flush>
        <Text p="md" pb={0} c="dimmed" size="sm">
          {t("reports.auditHow")}
        </Text>
        <Rows label={t("reports.audit")} head={[t("reports.log"), t("reports.size"), t("reports.root")]}>
          {c.audit.map((a) => (
            <Table.Tr key={a.origin}>
              <Table.Td>{a.origin}</Table.Td>
              <Table.Td>{a.size}</Table.Td>
              <Table.Td>
                <code>{a.root}</code>
              </Table.Td>
            </Table.Tr>
          ))}
        </Rows>
      </Panel>
    </>
  );
}
