import { Button, Group, Menu, Text } from "@mantine/core";
import { IconDownload, IconPrinter } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { reportFile, reportOf } from "@/api/proofs";
import { isCancelled } from "@/api/transport";
import { ErrorPanel } from "@/components/ErrorPanel";
import { ButtonLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Report } from "@/gen/report_pb";
import { plain } from "@/lib/plain";
import { Body } from "./Body";
import { making, ReportBadge } from "./badge";
import { readReport } from "./content";
import { HowFar } from "./Reports";
import classes from "./Reports.module.css";

/** One report: how far it is, and then what it says, to read, print and load. */
export function ReportPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/reports/$id" });
  const one = useQuery({
    ...reportOf(id),
    // The watch stream tells of it; where that is away, it is asked for.
    refetchInterval: (q) => (q.state.data !== undefined && making(q.state.data.state) ? 2000 : false),
  });
  return (
    <Result of={one} what={t("reports.oneFailed")} rows={8} page>
      {(r) => <One r={r} />}
    </Result>
  );
}

// Paper is light, whatever the screen is.
function useLightPaper() {
  useEffect(() => {
    const root = document.documentElement;
    const scheme = "data-mantine-color-scheme";
    let was: string | null = null;
    const before = () => {
      was = root.getAttribute(scheme);
      root.setAttribute(scheme, "light");
    };
    const after = () => {
      if (was !== null) root.setAttribute(scheme, was);
    };
    window.addEventListener("beforeprint", before);
    window.addEventListener("afterprint", after);
    return () => {
      window.removeEventListener("beforeprint", before);
      window.removeEventListener("afterprint", after);
    };
  }, []);
}

function One({ r }: { r: Report }) {
  const { t } = useTranslation();
  useLightPaper();
  const ready = r.state === "ready";
  return (
    <div className={classes.paper}>
      <Page
        title={plain(r.title)}
        badge={
          <span className={classes.screen}>
            <ReportBadge state={r.state} />
          </span>
        }
        actions={
          <Group gap="xs" className={classes.screen}>
            <ButtonLink to="/reports" variant="default" size="xs">
              {t("reports.backToList")}
            </ButtonLink>
            {ready && <Downloads r={r} />}
            {ready && (
              <Button size="xs" leftSection={<IconPrinter size={16} aria-hidden />} onClick={() => window.print()}>
                {t("reports.print")}
              </Button>
            )}
          </Group>
        }
      >
        {making(r.state) && (
          <Panel title={t("reports.states.running")}>
            <HowFar r={r} />
          </Panel>
        )}
        {r.state === "failed" && (
          <Panel title={t("reports.failedWhy")}>
            <Text>{r.error}</Text>
          </Panel>
        )}
        {ready && <Content r={r} />}
      </Page>
    </div>
  );
}

function Content({ r }: { r: Report }) {
  const { t } = useTranslation();
  const content = useQuery({
    queryKey: ["Fixed", "report content", r.id],
    queryFn: async () => readReport(await reportFile(r.id, "json", "en")),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0, // it can be large
  });
  return (
    <Result of={content} what={t("reports.downloadFailed")} rows={12}>
      {(c) => <Body r={r} c={c} />}
    </Result>
  );
}

const formats = [
  { key: "html", name: "HTML", type: "html" },
  { key: "json", name: "JSON", type: "json" },
  { key: "oscal", name: "OSCAL", type: "oscal.json" },
] as const;

function Downloads({ r }: { r: Report }) {
  const { t, i18n } = useTranslation();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const load = async (f: (typeof formats)[number]) => {
    setBusy(true);
    setError(undefined);
    try {
      const address = URL.createObjectURL(await reportFile(r.id, f.key, i18n.language === "zh" ? "zh" : "en"));
      const link = document.createElement("a");
      link.href = address;
      link.download = `bulkhead-report-${r.id}.${f.type}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (err) {
      if (!isCancelled(err)) setError(err);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button size="xs" variant="default" loading={busy} leftSection={<IconDownload size={16} aria-hidden />}>
            {t("reports.download")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {formats.map((f) => (
            <Menu.Item key={f.key} onClick={() => void load(f)}>
              {f.name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {error !== undefined && <ErrorPanel error={error} what={t("reports.downloadFailed")} />}
    </>
  );
}
