import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Panel } from "@/components/Page";
import { plain } from "@/lib/plain";
import { VerdictBadge } from "@/pages/requirements/Proofs";
import type { ReportContent } from "./content";
import { Exact, Rows } from "./parts";

/** Drills and controls. */
export function Proved({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  return (
    <>
      <Panel title={t("reports.drills")} flush>
        {c.drills.length === 0 ? (
          <Text p="md">{t("reports.noDrills")}</Text>
        ) : (
          <Rows
            label={t("reports.drills")}
            head={[t("reports.requirement"), t("reports.verdict"), t("reports.node"), t("reports.what")]}
          >
            {c.drills.map((d) => (
              <Table.Tr key={`${d.drill} ${d.node}`}>
                <Table.Td>
                  <code>{d.drill}</code>
                </Table.Td>
                <Table.Td>
                  <VerdictBadge verdict={d.verdict} />
                </Table.Td>
                <Table.Td>
                  {plain(d.node)}
                  <Text size="xs" c="dimmed">
                    <Exact at={new Date(d.ran)} />
                  </Text>
                </Table.Td>
                <Table.Td>{plain(d.why)}</Table.Td>
              </Table.Tr>
            ))}
          </Rows>
        )}
      </Panel>
      <Panel title={t("reports.controls")} flush>
        <Rows
          label={t("reports.controls")}
          head={[t("reports.control"), t("reports.serves"), t("reports.enforce"), t("reports.observe"), t("reports.missing")]}
        >
          {c.controls.map((k) => (
            <Table.Tr key={k.name}>
              <Table.Td>
                <code>{k.name}</code>
              </Table.Td>
              <Table.Td>{k.requirements.join(", ")}</Table.Td>
              {k.there ? (
                [k.enforce, k.observe, k.missing].map((n, i) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: three columns
                  <Table.Td key={i}>{n}</Table.Td>
                ))
              ) : (
                <Table.Td colSpan={3} c="dimmed">
                  {t("reports.later")}
                </Table.Td>
              )}
            </Table.Tr>
          ))}
        </Rows>
      </Panel>
    </>
  );
}
