import { queryOptions } from "@tanstack/react-query";
import { jobs } from "./clients";
import { all } from "./lists";

/** States of jobs that are not over. */
export const going: ReadonlySet<string> = new Set(["available", "running", "retryable", "scheduled"]);

/** Most jobs that are shown, the newest first. */
const most = 1000;

export const jobList = () =>
  queryOptions({
    queryKey: ["Job", "list"],
    queryFn: () =>
      all(
        async (page) => {
          const { jobs: items, nextPage } = await jobs.listJobs({ page });
          return { items, nextPage };
        },
        "",
        most,
      ),
    // Jobs are not in the watch stream, and each question is recorded.
    refetchInterval: (q) => (q.state.data?.rows.some((j) => j.state === "running" || j.state === "available") ? 3000 : 30_000),
  });
