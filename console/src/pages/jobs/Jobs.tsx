import { Button, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { jobs } from "@/api/clients";
import { going, jobList } from "@/api/jobs";
import type { All } from "@/api/lists";
import { Confirm } from "@/components/Confirm";
import { Empty } from "@/components/Empty";
import { Page, Panel } from "@/components/Page";
import { Progress } from "@/components/Progress";
import { Result } from "@/components/Result";
import { JobBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Job } from "@/gen/operations_pb";
import { lines, plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";
import { useReplace } from "@/lib/useReplace";
import { useWords } from "@/lib/words";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { JobDetail } from "./Detail";
import classes from "./Jobs.module.css";
import { kinds, kindWord } from "./kinds";

/** The server's work in the background: what runs, what it did, and what can be started. */
export function Jobs() {
  const { t } = useTranslation();
  const list = useQuery(jobList());
  return (
    <Page title={t("jobs.title")} about={t("jobs.about")}>
      <Result of={list} what={t("jobs.failed")} rows={8}>
        {(all) => (
          <>
            <Startable />
            <List all={all} />
          </>
        )}
      </Result>
    </Page>
  );
}

function Startable() {
  const { t } = useTranslation();
  return (
    <Panel title={t("jobs.now")}>
      <div className={classes.kinds}>
        {kinds.map((k) => (
          <section key={k} aria-label={t(`jobs.kind.${k}.name`)}>
            <Text fw={600}>{t(`jobs.kind.${k}.name`)}</Text>
            <Text c="dimmed" mb="xs">
              {t(`jobs.kind.${k}.does`)}
            </Text>
            <Progress
              kind={k}
              name={t(`jobs.kind.${k}.name`)}
              start={(run, busy) => (
                <Button size="xs" variant="default" loading={busy} onClick={run}>
                  {t("jobs.run")}
                </Button>
              )}
            />
          </section>
        ))}
      </div>
    </Panel>
  );
}

function List({ all: { rows, more } }: { all: All<Job> }) {
  const { t } = useTranslation();
  const replace = useReplace();
  const client = useQueryClient();
  const search = useSearch({ from: "/jobs" });
  const words = useWords(lines);
  const [shown, setShown] = useState<string>();
  const [ending, setEnding] = useState<Job>();
  const columns = useMemo(
    (): Column<Job>[] => [
      {
        id: "state",
        header: t("jobs.state"),
        value: (j) => j.state,
        cell: (j) => <JobBadge state={j.state} />,
        word: (v) => (v === "" ? "" : t(`common.job.${v as "running"}`)),
        few: true,
        min: 150,
        grow: 0.7,
      },
      {
        id: "kind",
        header: t("jobs.what"),
        value: (j) => j.kind,
        cell: (j) => <span title={plain(j.kind)}>{kindWord(t, j.kind)}</span>,
        word: (v) => kindWord(t, v),
        few: true,
        min: 180,
      },
      {
        id: "result",
        header: t("jobs.result"),
        value: (j) => plain(j.error) || words(j.result, j.resultZh).replaceAll("\n", " · "),
        min: 240,
        grow: 3,
      },
      { id: "attempt", header: t("jobs.attempt"), value: (j) => j.attempt, numeric: true, hidden: true, min: 80, grow: 0.4 },
      {
        id: "created",
        header: t("jobs.created"),
        ...moment((j: Job) => j.created),
        min: 115,
        grow: 0.6,
      },
      {
        id: "finished",
        header: t("jobs.finished"),
        value: (j) => dateOf(j.finished),
        cell: (j) => (j.finished === undefined ? "–" : <Time at={j.finished} />),
        min: 115,
        grow: 0.6,
      },
      { id: "id", header: t("jobs.id"), value: (j) => j.id, hidden: true, min: 80, grow: 0.4 },
    ],
    [t, words],
  );
  return (
    <>
      <DataTable
        id="jobs"
        label={t("jobs.title")}
        rows={rows}
        more={more}
        columns={columns}
        rowKey={(j) => j.id}
        open={(j) => setShown(j.id)}
        search={search}
        onSearch={(next) => void replace({ to: "/jobs", search: (old) => ({ tenant: old.tenant, ...next }) })}
        height="30rem"
        empty={
          <Panel title={t("jobs.title")}>
            <Empty title={t("jobs.none")} how={t("jobs.noneHow")} />
          </Panel>
        }
      />
      <JobDetail job={rows.find((j) => j.id === shown)} onClose={() => setShown(undefined)} onCancel={setEnding} />
      <Confirm
        opened={ending !== undefined}
        onClose={() => setEnding(undefined)}
        title={t("jobs.cancelAsk", { kind: kindWord(t, ending?.kind ?? "") })}
        preview={t(ending !== undefined && ending.state === "running" ? "jobs.cancelRunning" : "jobs.cancelWaiting")}
        action={t("jobs.cancel")}
        what={t("jobs.cancelFailed")}
        danger
        work={async () => {
          if (ending !== undefined && going.has(ending.state)) await jobs.cancelJob({ id: ending.id });
          await client.invalidateQueries({ queryKey: ["Job"] });
        }}
      />
    </>
  );
}
