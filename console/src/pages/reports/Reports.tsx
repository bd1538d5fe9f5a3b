import { Button, Group, Progress, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { reports } from "@/api/clients";
import { reportList } from "@/api/proofs";
import { Confirm } from "@/components/Confirm";
import { Empty } from "@/components/Empty";
import { PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Summary } from "@/components/Picture";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { Report } from "@/gen/report_pb";
import { plain } from "@/lib/plain";
import { useTenant } from "@/shell/scope";
import { making, ReportBadge } from "./badge";
import { Create } from "./Create";
import classes from "./Reports.module.css";

const shown = 50;

/** Reports for auditors: those that there are, and making one. */
export function Reports() {
  const { t } = useTranslation();
  const tenant = useTenant();
  const all = useQuery(reportList(tenant));
  const [deleting, setDeleting] = useState<Report>();
  const [most, setMost] = useState(shown);
  const client = useQueryClient();
  return (
    <Page title={t("reports.title")} about={t("reports.about")}>
      <Panel title={t("reports.made")} flush>
        <Result of={all} what={t("reports.failed")}>
          {({ rows }) =>
            rows.length === 0 ? (
              <Empty title={t("reports.none")} how={t("reports.noneHow")} />
            ) : (
              <ul className={classes.list}>
                {rows.slice(0, most).map((r) => (
                  <One key={r.id} r={r} onDelete={() => setDeleting(r)} />
                ))}
                {rows.length > most && (
                  <li className={classes.line}>
                    <Button size="compact-sm" variant="default" onClick={() => setMost(most + shown)}>
                      {t("common.more", { count: rows.length - most })}
                    </Button>
                  </li>
                )}
              </ul>
            )
          }
        </Result>
      </Panel>
      <Create />
      <Confirm
        opened={deleting !== undefined}
        onClose={() => setDeleting(undefined)}
        title={t("reports.deleteTitle")}
        preview={t("reports.deletePreview", { title: plain(deleting?.title ?? "") })}
        action={t("reports.delete")}
        what={t("reports.deleteFailed")}
        danger
        work={async () => {
          await reports.deleteReport({ id: deleting?.id ?? "" });
          await client.invalidateQueries({ queryKey: ["Report"] });
        }}
      />
    </Page>
  );
}

function One({ r, onDelete }: { r: Report; onDelete: () => void }) {
  const { t } = useTranslation();
  return (
    <li className={classes.line}>
      <div className={classes.what}>
        <Group gap="xs">
          <PageLink to="/reports/$id" params={{ id: r.id }} fw={600}>
            {plain(r.title)}
          </PageLink>
          <ReportBadge state={r.state} />
        </Group>
        <Text size="xs" c="dimmed">
          {r.scope?.tenant || t("reports.allTenants")} · {t("reports.asOfLong")} <Time at={r.asOf} /> · {plain(r.authorName)},{" "}
          <Time at={r.created} />
        </Text>
        {r.state === "failed" && <Text size="sm">{r.error}</Text>}
        {making(r.state) && <HowFar r={r} />}
      </div>
      {r.state === "ready" && (
        <div className={classes.summary}>
          <Summary counts={r.summary} />
        </div>
      )}
      <Button size="compact-xs" variant="default" onClick={onDelete} aria-label={`${t("reports.delete")}: ${plain(r.title)}`}>
        {t("reports.delete")}
      </Button>
    </li>
  );
}

/** How many of its nodes a report has. */
export function HowFar({ r }: { r: Report }) {
  const { t } = useTranslation();
  return (
    <div role="status">
      <Progress
        value={r.total === 0 ? 0 : (100 * r.done) / r.total}
        size="sm"
        mt={6}
        aria-label={t("reports.progress", { done: r.done, total: r.total })}
      />
      <Text size="xs" c="dimmed">
        {t("reports.progress", { done: r.done, total: r.total })}
      </Text>
    </div>
  );
}
