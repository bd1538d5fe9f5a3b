import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { FactLink } from "@/components/EvidenceList";
import { Panel } from "@/components/Page";
import { ScrollTable } from "@/components/ScrollTable";
import { plain } from "@/lib/plain";
import { mostProcesses, type Process, type Processes } from "@/lib/processes";
import classes from "./Finding.module.css";

/** Who runs there, and who started whom. What processes call themselves is text. */
export function ProcessTree({ of, node }: { of: Processes; node: string }) {
  const { t } = useTranslation();
  const title = of.container === "" ? t("findings.process") : t("findings.processes", { name: plain(of.container) });
  return (
    <Panel title={title} flush>
      <div className={classes.about}>
        {of.roots.length === 0 && <Text c="dimmed">{t("findings.noProcess")}</Text>}
        {of.roots.length > 0 && !of.tree && <Text c="dimmed">{t("findings.flat")}</Text>}
        {of.more && <Text c="dimmed">{t("findings.moreProcesses", { count: mostProcesses })}</Text>}
      </div>
      {of.roots.length > 0 && (
        <ScrollTable label={title}>
          <Branch of={of.roots} node={node} />
        </ScrollTable>
      )}
    </Panel>
  );
}

function Branch({ of, node }: { of: readonly Process[]; node: string }) {
  const { t } = useTranslation();
  return (
    <ul className={classes.branch}>
      {of.map((p) => (
        <li key={p.pid}>
          <div className={classes.process} data-outside={p.outside || undefined}>
            <span className={classes.pid}>{p.pid}</span>
            <code className={classes.command}>{plain(p.command)}</code>
            {p.user !== "" && <span className={classes.small}>{t("findings.asUser", { user: plain(p.user) })}</span>}
            {p.outside && <span className={classes.small}>{t("findings.outside")}</span>}
            <FactLink node={node} pointer={p.pointer} />
          </div>
          {p.children.length > 0 && <Branch of={p.children} node={node} />}
        </li>
      ))}
    </ul>
  );
}
