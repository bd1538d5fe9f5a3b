import { Text } from "@mantine/core";
import { IconAlertOctagon } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { Panel } from "@/components/Page";
import type { Log } from "@/gen/audit_pb";
import { plain } from "@/lib/plain";
import classes from "./audit.module.css";
import { kindOf } from "./problems";

const most = 100;

/** What is wrong with logs, what that means, and what to do. */
export function Problems({ logs, links = true }: { logs: readonly Log[]; links?: boolean }) {
  const { t } = useTranslation();
  const all = logs.flatMap((l) => l.problems.map((text) => ({ log: l.origin, text, kind: kindOf(text) })));
  if (all.length === 0) return null;
  return (
    <Panel title={t("audit.problems", { count: all.length })}>
      <div className={classes.verdict} data-result="bad" role="alert">
        <IconAlertOctagon size={20} aria-hidden />
        <div>
          <Text fw={600}>{t("audit.problemTitle")}</Text>
          <Text>{t("audit.problemDo")}</Text>
        </div>
      </div>
      <div style={{ marginTop: "1rem" }}>
        {all.slice(0, most).map((p) => (
          <article key={`${p.log} ${p.text}`} className={classes.problem}>
            <div className={classes.head}>
              <Text fw={600}>{t(`audit.problem.${p.kind}.name`)}</Text>
              {links && (
                <PageLink to="/audit/log/$" params={{ _splat: p.log }} style={{ overflowWrap: "anywhere" }}>
                  {plain(p.log)}
                </PageLink>
              )}
            </div>
            <Text>{t(`audit.problem.${p.kind}.means`)}</Text>
            <Text c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {t("audit.problemSaid", { text: plain(p.text) })}
            </Text>
          </article>
        ))}
      </div>
      {all.length > most && <Text c="dimmed">{t("audit.problemMore", { count: all.length - most })}</Text>}
    </Panel>
  );
}
