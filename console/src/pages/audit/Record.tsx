import { Button, Text } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { type CheckedRecord, checkedRecord } from "@/api/audit";
import { Page } from "@/components/Page";
import { Result } from "@/components/Result";
import { OutcomeBadge, VerdictBadge } from "@/components/StatusBadge";
import { plain } from "@/lib/plain";
import { absolute } from "@/lib/time";
import { entryOf } from "@/proof/agree";
import { AuditTabs } from "./AuditTabs";
import classes from "./audit.module.css";
import { RecordFacts } from "./RecordFacts";
import { Verified } from "./Verified";
import { useActionWords } from "./words";

/** One record, as its entry in the log says, with the proof that it is there unchanged. */
export function RecordPage() {
  const { t } = useTranslation();
  const { _splat: id = "" } = useParams({ from: "/audit/records/$" });
  const one = useQuery({ ...checkedRecord(id), placeholderData: undefined });
  return (
    <Result of={one} what={t("audit.oneFailed")} rows={10} page>
      {(c) => <One c={c} id={id} busy={one.isFetching} again={() => void one.refetch()} />}
    </Result>
  );
}

function One({ c, id, busy, again }: { c: CheckedRecord; id: string; busy: boolean; again: () => void }) {
  const { t, i18n } = useTranslation();
  const words = useActionWords();
  const entry = entryOf(c.answer.entry);
  const action = entry?.metadata?.event_code;
  const at = new Date(entry?.metadata?.original_time ?? "");
  return (
    <Page
      title={action === undefined ? t("audit.unreadable") : words(action)}
      badge={
        <>
          <OutcomeBadge outcome={entry?.status_code ?? ""} />
          <VerdictBadge result={c.verdict.result} />
        </>
      }
      about={
        <>
          {!Number.isNaN(at.getTime()) && <>{absolute(at, i18n.language)} · </>}
          <code>{plain(id)}</code>
        </>
      }
      actions={
        <Button size="xs" leftSection={<IconShieldCheck size={15} aria-hidden />} loading={busy} onClick={again}>
          {t("audit.verify.again")}
        </Button>
      }
    >
      <AuditTabs here="search" />
      {entry?.status_detail !== undefined && entry.status_code !== "allowed" && (
        <Text className={classes.lines}>{plain(entry.status_detail)}</Text>
      )}
      <div className={classes.columns}>
        <div className={classes.stack}>
          <RecordFacts entry={entry} bytes={c.answer.entry} id={id} />
        </div>
        <Verified of={c} id={id} />
      </div>
    </Page>
  );
}
