import { Loader } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { jobs } from "@/api/clients";
import { going } from "@/api/jobs";
import { quoted } from "@/api/lists";
import { isCancelled } from "@/api/transport";
import { lines } from "@/lib/plain";
import { useWords } from "@/lib/words";
import { ErrorPanel } from "./ErrorPanel";
import classes from "./Progress.module.css";
import { Result } from "./Result";
import { JobBadge } from "./StatusBadge";
import { Time } from "./Time";

const running = going;

/** A long operation: a job of the server. It goes on when the page is left, and is found again here, also by others. */
export function Progress(p: {
  kind: string;
  name: string;
  start: (run: () => void, busy: boolean) => ReactNode;
  /** The job ended: what it changed may be read again. */
  onEnd?: () => void;
}) {
  const { t } = useTranslation();
  const words = useWords(lines);
  const client = useQueryClient();
  const [error, setError] = useState<unknown>();
  const last = useQuery({
    queryKey: ["Job", p.kind],
    queryFn: async () => (await jobs.listJobs({ page: { size: 1, filter: `kind = ${quoted(p.kind)}` } })).jobs,
    // Jobs are not in the watch stream.
    refetchInterval: (q) => (q.state.data?.some((j) => running.has(j.state)) ? 1000 : 30_000),
  });
  const [job] = last.data ?? [];
  useEnded(job !== undefined && running.has(job.state), p.onEnd);
  const run = async () => {
    setError(undefined);
    try {
      await jobs.runJob({ kind: p.kind });
    } catch (err) {
      if (!isCancelled(err)) setError(err);
    }
    await client.invalidateQueries({ queryKey: ["Job", p.kind] });
  };
  return (
    <Result of={last} what={t("common.jobFailed", { name: p.name })} rows={1}>
      {([job]) => {
        const busy = job !== undefined && running.has(job.state);
        return (
          <>
            {p.start(() => void run(), busy)}
            {error !== undefined && <ErrorPanel error={error} what={t("common.jobFailed", { name: p.name })} />}
            {job !== undefined && (
              <div className={classes.job} role="status">
                {busy && <Loader size={14} aria-hidden />}
                <JobBadge state={job.state} />
                <Time at={job.finished ?? job.attempted ?? job.created} />
                <span className={classes.text}>{lines(job.error) || words(job.result, job.resultZh)}</span>
              </div>
            )}
          </>
        );
      }}
    </Result>
  );
}

function useEnded(busy: boolean, onEnd: (() => void) | undefined) {
  const before = useRef(busy);
  const told = useRef(onEnd);
  useEffect(() => {
    told.current = onEnd;
  });
  useEffect(() => {
    if (before.current && !busy) told.current?.();
    before.current = busy;
  }, [busy]);
}
