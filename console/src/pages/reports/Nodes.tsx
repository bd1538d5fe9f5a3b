import { Table } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Panel } from "@/components/Page";
import { HealthBadge, stateOfRequirement, ToneIcon, toneOfStatus } from "@/components/StatusBadge";
import { plain } from "@/lib/plain";
import type { ReportContent } from "./content";
import { Exact, More, most, Rows } from "./parts";
import classes from "./Reports.module.css";

/** Each node with all its requirements. */
export function Nodes({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("reports.each")} flush>
      <Rows label={t("reports.each")} head={[t("reports.node"), t("reports.facts"), t("reports.cells")]}>
        {c.nodes.slice(0, most).map((n) => (
          <Table.Tr key={`${n.tenant}/${n.id}`}>
            <Table.Td>
              {plain(n.name)}
              {n.health !== "" && n.health !== "up" && (
                <div>
                  <HealthBadge health={n.health} />
                </div>
              )}
            </Table.Td>
            <Table.Td className={classes.nowrap}>
              {n.assessment === "" || n.facts === undefined ? t("reports.notAssessed") : <Exact at={new Date(n.facts)} />}
            </Table.Td>
            <Table.Td>
              <span className={classes.cells}>
                {n.assessment !== "" &&
                  c.requirements.map((q) => {
                    const s = stateOfRequirement(n.statuses[q.id]);
                    const word = `${q.id} ${t(`common.status.${s}`)}`;
                    return (
                      <span key={q.id} title={word}>
                        <ToneIcon tone={toneOfStatus[s]} size={15} />
                        <span className="hidden-text">{word}</span>
                      </span>
                    );
                  })}
              </span>
            </Table.Td>
          </Table.Tr>
        ))}
      </Rows>
      <More n={c.nodes.length - most} />
    </Panel>
  );
}
