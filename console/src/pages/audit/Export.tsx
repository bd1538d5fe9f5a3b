import { Progress as Bar, Button, Text } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { audit } from "@/api/clients";
import { CopyCommand } from "@/components/CopyCommand";
import { ErrorPanel } from "@/components/ErrorPanel";
import { Page, Panel } from "@/components/Page";
import { absolute } from "@/lib/time";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import { AuditTabs } from "./AuditTabs";
import classes from "./audit.module.css";
import {
  cancelExport,
  canStream,
  chooseSink,
  type Exported,
  forgetExport,
  mostInMemory,
  startExport,
  useExported,
} from "./exporting";
import { Filters } from "./Filters";
import { type AuditSearch, auditSearch, commandOf, filterOf, rangeOf } from "./filter";

/** Records as a file of lines, as the log has them. */
export function ExportPage() {
  const { t } = useTranslation();
  const replace = useReplace();
  const raw = useSearch({ from: "/audit/export" });
  const search = useMemo(() => auditSearch(raw as Record<string, unknown>), [raw]);
  const tenant = useTenant();
  const running = useExported();
  const [error, setError] = useState<unknown>();
  const apply = (s: AuditSearch) => void replace({ to: "/audit/export", search: (old) => ({ tenant: old.tenant, ...s }) });
  const begin = async (s: AuditSearch) => {
    apply(s);
    setError(undefined);
    const now = new Date();
    const of = { tenant, filter: filterOf(s), ...rangeOf(s, now) };
    const name = `bulkhead-audit${tenant === "" ? "" : `-${tenant}`}-${now.toISOString().replaceAll(/[:.]/g, "-")}.jsonl`;
    try {
      const sink = await chooseSink(name);
      if (sink === undefined) return;
      await startExport(name, of, (request, signal) => audit.exportRecords(request, { signal, timeoutMs: 0 }), sink, now);
    } catch (err) {
      setError(err);
    }
  };
  return (
    <Page title={t("audit.export.title")} about={t("audit.export.about")}>
      <AuditTabs here="export" search={search} />
      <Panel title={t("audit.export.which")}>
        <Filters
          search={search}
          apply={(next) => void begin(next)}
          clear={() => apply({})}
          action={t("audit.export.start")}
          icon={<IconDownload size={15} aria-hidden />}
          busy={running?.state === "running"}
        />
      </Panel>
      <div className={classes.columns}>
        <Panel title={t("audit.export.file")}>
          <Text c="dimmed">{canStream() ? t("audit.export.streams") : t("audit.export.memory", { size: mostInMemory >> 20 })}</Text>
          {error !== undefined && <ErrorPanel error={error} what={t("audit.export.failed")} />}
          {running === undefined ? <Text mt="sm">{t("audit.export.none")}</Text> : <Running x={running} />}
        </Panel>
        <Panel title={t("audit.export.good")}>
          <Text mb="sm">{t("audit.export.goodHow")}</Text>
          <Text mb="sm">{t("audit.export.proof")}</Text>
          <Text size="xs" c="dimmed" mb="xs">
            {t("audit.export.same")}
          </Text>
          <CopyCommand text={`${commandOf("export", search, tenant, new Date())} > records.jsonl`} label={t("audit.export.same")} />
        </Panel>
      </div>
    </Page>
  );
}

function Running({ x }: { x: Exported }) {
  const { t, i18n } = useTranslation();
  const going = x.state === "running";
  const whole = x.since === undefined ? 0 : x.until.getTime() - x.since.getTime();
  const part = whole <= 0 || x.upTo === undefined || x.since === undefined ? 0 : (x.upTo.getTime() - x.since.getTime()) / whole;
  const unit = x.bytes < 1e6 ? ("kilobyte" as const) : ("megabyte" as const);
  const size = new Intl.NumberFormat(i18n.language, { style: "unit", unit, maximumFractionDigits: 1 }).format(
    x.bytes / (unit === "kilobyte" ? 1e3 : 1e6),
  );
  return (
    <div style={{ marginTop: "1rem" }}>
      <div className={classes.head} role="status">
        <Text fw={600}>{t(`audit.export.state.${x.state}`)}</Text>
        <Text>
          {t("audit.export.count", { count: x.records })} · {size}
        </Text>
      </div>
      <code style={{ display: "block", overflowWrap: "anywhere" }}>{x.name}</code>
      {going && (
        <>
          <Bar
            value={Math.min(100, part * 100)}
            striped={part === 0}
            animated={part === 0}
            mt="xs"
            aria-label={t("audit.export.state.running")}
          />
          {x.upTo !== undefined && (
            <Text size="xs" c="dimmed" mt={4}>
              {t("audit.export.upTo", { time: absolute(x.upTo, i18n.language) })}
            </Text>
          )}
        </>
      )}
      {x.state === "full" && <Text mt="xs">{t("audit.export.fullHow")}</Text>}
      {x.state === "failed" && <ErrorPanel error={x.error} what={t("audit.export.failed")} />}
      <Button size="xs" variant="default" mt="sm" onClick={going ? cancelExport : forgetExport}>
        {going ? t("common.cancel") : t("audit.export.dismiss")}
      </Button>
    </div>
  );
}
