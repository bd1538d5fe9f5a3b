import { Button, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AuditLink } from "@/components/AuditLink";
import { CopyCommand } from "@/components/CopyCommand";
import { PageLink } from "@/components/links";
import { Facts, Panel } from "@/components/Page";
import { SeverityBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Guard } from "@/gen/guard_pb";
import { plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import classes from "./guard.module.css";
import { stepOf } from "./next";
import { LockBadge, lockOf, ModeBadge, modeOf } from "./parts";

/** The setting of a mode in the node's own configuration, /etc/bulkhead/config.yaml. */
const setting = (mode: "enforce" | "observe", profile?: string): string =>
  `guard:\n  enabled: true\n  mode: ${mode}${profile === undefined ? "" : `\n  profile: ${profile}`}`;

/** What to write into the node's configuration, and the command that has it read. */
export function Switch({ mode, profile }: { mode: "enforce" | "observe"; profile?: string }) {
  const { t } = useTranslation();
  return (
    <div className={classes.commands}>
      <CopyCommand text={setting(mode, profile)} label={t("guard.setting")} />
      <CopyCommand text="systemctl restart bulkhead-agent" label={t("guard.restart")} />
    </div>
  );
}

/** One node's guard: how it stands, what is open, and what the next step is. */
export function GuardOf({ of: g, all }: { of: Guard; all: () => void }) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <Panel
      title={t("guard.guardOf", { node: plain(g.nodeName) })}
      aside={
        <Button size="compact-xs" variant="default" onClick={all}>
          {t("guard.allNodes")}
        </Button>
      }
    >
      <div className={classes.halves}>
        <Stack gap="sm">
          <Facts
            of={[
              [t("guard.modeHead"), <ModeBadge key="m" mode={modeOf(g)} />],
              [t("guard.profile"), plain(g.profile) || "–"],
              [t("guard.lockHead"), <LockBadge key="l" lock={lockOf(g)} />],
              [t("guard.engine"), <code key="e">{plain(g.engine) || "–"}</code>],
              [t("guard.socket"), <code key="s">{plain(g.socket) || "–"}</code>],
              [t("guard.tls"), <code key="t">{plain(g.tls) || "–"}</code>],
              [t("guard.policies"), g.policies === 0n ? t("guard.shippedOnly") : String(g.policies)],
              [t("guard.version"), plain(g.version) || "–"],
              [t("guard.started"), g.started === undefined ? "–" : <Time key="g" at={g.started} full />],
            ]}
          />
          {g.findings.length > 0 && (
            <ul className={classes.plainList}>
              {g.findings.map((f) => (
                <li key={f.id}>
                  <SeverityBadge severity={f.severity} />{" "}
                  <PageLink to="/findings/$node/$id" params={{ node: g.node, id: f.id }}>
                    {words(f.text, f.textZh)}
                  </PageLink>
                </li>
              ))}
            </ul>
          )}
          <AuditLink of={{ type: "Node", resource: g.node }}>{t("guard.recordsOfNode")}</AuditLink>
        </Stack>
        <Step g={g} />
      </div>
    </Panel>
  );
}

function Step({ g }: { g: Guard }) {
  const { t } = useTranslation();
  const step = stepOf(g);
  return (
    <section className={classes.step} aria-label={t("guard.next")}>
      <h3>{t("guard.next")}</h3>
      <Text fw={600}>{t(`guard.step.${step}.what`)}</Text>
      <Text mb="xs">{t(`guard.step.${step}.how`)}</Text>
      {step === "raise" && <Switch mode="observe" />}
      {step === "enforce" && <Switch mode="enforce" />}
      {step === "profile" && <Switch mode="enforce" profile="baseline" />}
      {step === "lock" && (
        <CopyCommand text="bulkhead docker lock --dry-run && bulkhead docker lock" label={t("guard.step.lock.what")} />
      )}
    </section>
  );
}
