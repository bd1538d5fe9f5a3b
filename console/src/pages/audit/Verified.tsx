import { Text } from "@mantine/core";
import { IconAlertOctagon, IconCircleCheck, IconHelpCircle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { CheckedRecord } from "@/api/audit";
import { CopyCommand } from "@/components/CopyCommand";
import { PageLink } from "@/components/links";
import { Panel } from "@/components/Page";
import { ToneIcon } from "@/components/StatusBadge";
import { plain } from "@/lib/plain";
import { command } from "@/lib/shell";
import { absolute } from "@/lib/time";
import type { Step } from "@/proof/verify";
import classes from "./audit.module.css";
import { nodeOf } from "./problems";

const icons = { good: IconCircleCheck, bad: IconAlertOctagon, unproved: IconHelpCircle };
const tones = { good: "good", bad: "bad", new: "unknown", none: "off" } as const;

/** What this browser found when it checked the proof, step by step. */
export function Verified({ of, id, aside }: { of: CheckedRecord; id: string; aside?: React.ReactNode }) {
  const { t, i18n } = useTranslation();
  const { result, steps } = of.verdict;
  const Icon = icons[result];
  const failed = steps.filter((s) => s.state === "bad").map((s) => t(`audit.step.${s.id}.name`));
  return (
    <Panel title={t("audit.verify.title")} aside={aside}>
      <div className={classes.verdict} data-result={result} role={result === "bad" ? "alert" : "status"}>
        <Icon size={20} aria-hidden />
        <div>
          <Text fw={600}>{t(`audit.verify.${result}`)}</Text>
          <Text>{t(`audit.verify.${result}How`)}</Text>
          {failed.length > 0 && <Text fw={600}>{t("audit.verify.fails", { steps: failed.join(", ") })}</Text>}
        </div>
      </div>
      <ol className={classes.steps}>
        {steps.map((s) => (
          <Line key={s.id} s={s} of={of.answer.record?.origin ?? ""} />
        ))}
      </ol>
      <Text size="xs" c="dimmed" mt="sm">
        {t("audit.verify.here", { time: absolute(of.at, i18n.language) })}
      </Text>
      <Text size="xs" c="dimmed" mt="xs" mb="xs">
        {t("audit.verify.elsewhere")}
      </Text>
      <CopyCommand
        text={of.key === "" ? command`bulkhead audit record ${id}` : command`bulkhead audit record ${id} --key ${of.key}`}
        label={t("audit.verify.command")}
      />
    </Panel>
  );
}

function Line({ s, of }: { s: Step; of: string }) {
  const { t, i18n } = useTranslation();
  return (
    <li className={classes.step} data-step={s.id} data-state={s.state}>
      <ToneIcon tone={tones[s.state]} />
      <div>
        <Text fw={600}>{t(`audit.step.${s.id}.name`)}</Text>
        <Text>
          <span className="hidden-text">{t(`audit.state.${s.state}`)}: </span>
          {s.state === "good" && t(`audit.step.${s.id}.good`)}
          {s.state === "bad" && t(`audit.step.${s.id}.bad`)}
          {s.state === "new" && t(s.id === "key" ? "audit.step.key.new" : "audit.step.continues.new")}
          {s.state === "none" && s.id === "key" && t("audit.step.key.none")}
          {s.state === "none" && s.id !== "key" && <NoProof of={of} />}
        </Text>
        {s.values.map((v) => (
          <span key={v.name} className={classes.hash}>
            {t(`audit.value.${v.name}`)} {v.name === "since" ? absolute(new Date(v.value), i18n.language) : plain(v.value) || "–"}
          </span>
        ))}
      </div>
    </li>
  );
}

/** Why a record came without a proof, and where it is proved: the page of its log has the command. */
function NoProof({ of }: { of: string }) {
  const { t } = useTranslation();
  return (
    <>
      {t(nodeOf(of) === undefined ? "audit.step.inclusion.ofReplica" : "audit.step.inclusion.ofNode")}{" "}
      <PageLink to="/audit/log/$" params={{ _splat: of }} underline="always">
        {t("audit.step.inclusion.log")}
      </PageLink>
    </>
  );
}
