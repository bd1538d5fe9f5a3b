import { Text } from "@mantine/core";
import { IconAlertOctagon, IconCircleCheck, IconHelpCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { checkedRecord } from "@/api/audit";
import type { Fetched } from "@/api/recordings";
import { CopyCommand } from "@/components/CopyCommand";
import { ErrorPanel } from "@/components/ErrorPanel";
import { PageLink } from "@/components/links";
import { Panel } from "@/components/Page";
import { VerdictBadge } from "@/components/StatusBadge";
import type { SessionRecording } from "@/gen/recording_pb";
import { plain } from "@/lib/plain";
import { command } from "@/lib/shell";
import { type Entry, entryOf } from "@/proof/agree";
import classes from "./recordings.module.css";

const icons = { good: IconCircleCheck, same: IconCircleCheck, bad: IconAlertOctagon, open: IconHelpCircle };

/** Whether what came is what was recorded: its digest, computed here, beside that in the entry of the audit log. */
export function Authentic({ r, fetched }: { r: SessionRecording; fetched: Fetched | undefined }) {
  const { t } = useTranslation();
  const record = useQuery({ ...checkedRecord(r.record), enabled: fetched !== undefined, placeholderData: undefined });
  const entry = record.data === undefined ? undefined : entryOf(record.data.answer.entry);
  const said = digestIn(entry, r.id);
  const state = stateOf(fetched, said, record.data?.verdict.result);
  const Icon = icons[state];
  return (
    <Panel title={t("recordings.authentic")}>
      <div className={classes.verdict} data-result={state} role={state === "bad" ? "alert" : "status"}>
        <Icon size={20} aria-hidden />
        <div>
          <Text fw={600}>{t(`recordings.is.${state}`)}</Text>
          <Text>{t(`recordings.isHow.${state}`)}</Text>
        </div>
      </div>
      {record.error !== null && <ErrorPanel error={record.error} what={t("recordings.recordFailed")} />}
      {fetched?.error !== undefined && <ErrorPanel error={fetched.error} what={t("recordings.changed")} />}
      <dl className={classes.digests}>
        <dt>{t("recordings.computed")}</dt>
        <dd>
          <code>{fetched?.digest ?? "–"}</code>
        </dd>
        <dt>{t("recordings.said")}</dt>
        <dd>
          <code>{plain(said ?? r.digest)}</code>
        </dd>
        <dt>{t("recordings.record")}</dt>
        <dd>
          <PageLink to="/audit/records/$" params={{ _splat: r.record }} underline="always">
            {plain(r.record)}
          </PageLink>{" "}
          {record.data !== undefined && <VerdictBadge result={record.data.verdict.result} />}
        </dd>
      </dl>
      {state === "same" && (
        <Text size="xs" c="dimmed" mb="xs">
          {t("recordings.logHow")}
        </Text>
      )}
      <CopyCommand text={command`bulkhead guard sessions verify ${r.id} --node ${r.node}`} label={t("recordings.verifyCommand")} />
    </Panel>
  );
}

type State = "open" | "good" | "same" | "bad";

/** What is known: nothing yet; the digest is that of a record that was proved here; that of one without a proof; another. */
function stateOf(fetched: Fetched | undefined, said: string | undefined, record: "good" | "bad" | "unproved" | undefined): State {
  if (fetched === undefined) return "open";
  if (fetched.error !== undefined || record === "bad") return "bad";
  if (record === undefined) return fetched.digest === fetched.recording.digest ? "open" : "bad";
  if (said !== fetched.digest) return "bad";
  return record === "good" ? "good" : "same";
}

/** digestIn is what the entry itself says of this recording. */
function digestIn(entry: Entry | undefined, id: string): string | undefined {
  const of = entry?.resources?.[0];
  if (entry?.metadata?.event_code !== "SessionRecorded" || of?.type !== "Recording" || of.uid !== id) return undefined;
  return entry.unmapped?.changes?.digest;
}
