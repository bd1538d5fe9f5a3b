import { Button, Drawer, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { going } from "@/api/jobs";
import { Facts } from "@/components/Page";
import { JobBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Job } from "@/gen/operations_pb";
import { lines, plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import classes from "./Jobs.module.css";
import { kindWord } from "./kinds";

/** One job, with all that it said. */
export function JobDetail({ job, onClose, onCancel }: { job: Job | undefined; onClose: () => void; onCancel: (j: Job) => void }) {
  const { t } = useTranslation();
  const words = useWords(lines);
  return (
    <Drawer
      opened={job !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={kindWord(t, job?.kind ?? "")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      {job !== undefined && (
        <Stack gap="md">
          <div>
            <JobBadge state={job.state} />
          </div>
          <Facts
            of={[
              [t("jobs.created"), <Time key="c" at={job.created} full />],
              [t("jobs.attempted"), <Time key="a" at={job.attempted} full />],
              [t("jobs.finished"), job.finished === undefined ? "–" : <Time key="f" at={job.finished} full />],
              [t("jobs.attempt"), String(job.attempt)],
              [t("jobs.id"), <code key="i">{job.id}</code>],
              [t("jobs.what"), <code key="k">{plain(job.kind)}</code>],
            ]}
          />
          {job.result !== "" && (
            <div>
              <Text size="xs" c="dimmed">
                {t("jobs.result")}
              </Text>
              <pre className={classes.lines}>{words(job.result, job.resultZh)}</pre>
            </div>
          )}
          {job.error !== "" && (
            <div>
              <Text size="xs" c="dimmed">
                {t("jobs.error")}
              </Text>
              <pre className={classes.lines}>{lines(job.error)}</pre>
            </div>
          )}
          {going.has(job.state) && (
            <Button variant="default" onClick={() => onCancel(job)}>
              {t("jobs.cancel")}
            </Button>
          )}
        </Stack>
      )}
    </Drawer>
  );
}
