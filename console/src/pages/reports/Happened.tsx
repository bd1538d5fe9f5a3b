import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Panel } from "@/components/Page";
import { SeverityBadge, severities } from "@/components/StatusBadge";
import { plain } from "@/lib/plain";
import type { ReportContent } from "./content";
import { Exact, More, most, Rows, useSay } from "./parts";
import classes from "./Reports.module.css";

/** Exceptions, findings and changes. */
export function Happened({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <>
      <Panel title={t("reports.exceptions")} flush>
        {c.exceptions.length === 0 ? (
          <Text p="md">{t("reports.noExceptions")}</Text>
        ) : (
          <Rows
            label={t("reports.exceptions")}
            head={[t("reports.until"), t("reports.covered"), t("reports.node"), t("reports.owner"), t("reports.reason")]}
          >
            {c.exceptions.map((e) => (
              <Table.Tr key={e.id}>
                <Table.Td className={classes.nowrap}>{e.expires}</Table.Td>
                <Table.Td>
                  {e.check} {plain(e.subject ?? "")}
                </Table.Td>
                <Table.Td>{e.node === "" ? t("reports.everyNode") : plain(e.node)}</Table.Td>
                <Table.Td>{plain(e.owner)}</Table.Td>
                <Table.Td>
                  {plain(e.reason)}
                  <Text size="xs" c="dimmed">
                    {[e.creator, e.approver].filter((x) => x !== "").join(", ")}
                  </Text>
                </Table.Td>
              </Table.Tr>
            ))}
          </Rows>
        )}
      </Panel>
      <Panel title={t("reports.findings")} flush>
        {c.findings.list.length === 0 ? (
          <Text p="md">{t("reports.noFindings")}</Text>
        ) : (
          <>
            <Text px="md" pt="sm" className={classes.counts}>
              {severities.map((s) =>
                (c.findings.counts[s] ?? 0) === 0 ? null : (
                  <span key={s}>
                    <SeverityBadge severity={s} /> {c.findings.counts[s]}
                  </span>
                ),
              )}
            </Text>
            <Rows
              label={t("reports.findings")}
              head={[t("reports.severity"), t("reports.node"), t("reports.what"), t("reports.when")]}
            >
              {c.findings.list.slice(0, most).map((f, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows of a document that never move
                <Table.Tr key={i}>
                  <Table.Td>
                    <SeverityBadge severity={f.severity} />
                  </Table.Td>
                  <Table.Td>{plain(f.node)}</Table.Td>
                  <Table.Td>{say(f.text)}</Table.Td>
                  <Table.Td className={classes.nowrap}>{f.first.slice(0, 10)}</Table.Td>
                </Table.Tr>
              ))}
            </Rows>
            <More n={c.findings.left_out + Math.max(0, c.findings.list.length - most)} />
          </>
        )}
      </Panel>
      <Panel title={t("reports.changes")} flush>
        {c.changes.list.length === 0 ? (
          <Text p="md">{t("reports.noChanges")}</Text>
        ) : (
          <>
            <Text px="md" pt="sm">
              {t("reports.worse", { worse: c.changes.worse, better: c.changes.better })}
            </Text>
            <Rows label={t("reports.changes")} head={[t("reports.when"), t("reports.node"), t("reports.what")]}>
              {c.changes.list.slice(0, most).map((e, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows of a document that never move
                <Table.Tr key={i}>
                  <Table.Td className={classes.nowrap}>
                    <Exact at={new Date(e.time)} />
                  </Table.Td>
                  <Table.Td>{plain(e.node)}</Table.Td>
                  <Table.Td>
                    {e.requirement !== "" && <b>{e.requirement} </b>}
                    {say(e.text)}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Rows>
            <More n={c.changes.left_out + Math.max(0, c.changes.list.length - most)} />
          </>
        )}
      </Panel>
    </>
  );
}
