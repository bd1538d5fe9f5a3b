import { queryOptions } from "@tanstack/react-query";
import type { CreateReportRequest } from "@/gen/report_pb";
import { drills, findings, reports } from "./clients";
import { all } from "./lists";

// Requests for exceptions, drills, controls and reports.

export const exceptionRequests = (tenant: string, filter: string, most?: number) =>
  queryOptions({
    queryKey: ["ExceptionRequest", "list", tenant, filter, most],
    queryFn: () =>
      all(
        async (page) => {
          const { requests: items, nextPage } = await findings.listExceptionRequests({ tenant, page });
          return { items, nextPage };
        },
        filter,
        most,
      ),
  });

/** Requests that wait for a second person. */
export const waitingExceptions = (tenant: string) => exceptionRequests(tenant, 'state = "pending"', 1000);

/** The newest result of each drill on each machine. */
export const drillList = (tenant: string) =>
  queryOptions({
    queryKey: ["Drill", "list", tenant],
    queryFn: () =>
      all(
        async (page) => {
          const { results: items, nextPage } = await drills.listDrills({ tenant, page });
          return { items, nextPage };
        },
        "",
        2000,
      ),
  });

export const drillKinds = () =>
  queryOptions({
    queryKey: ["Fixed", "drills"],
    queryFn: () => drills.getDrillKinds({}),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const controlModes = (tenant: string) =>
  queryOptions({ queryKey: ["Node", "controls", tenant], queryFn: () => drills.getControls({ tenant }), staleTime: 60_000 });

export const reportList = (tenant: string) =>
  queryOptions({
    queryKey: ["Report", "list", tenant],
    queryFn: () =>
      all(async (page) => {
        const { reports: items, nextPage } = await reports.listReports({ tenant, page });
        return { items, nextPage };
      }, ""),
  });

export const reportOf = (id: string) => queryOptions({ queryKey: ["Report", "one", id], queryFn: () => reports.getReport({ id }) });

export type ReportDraft = Pick<CreateReportRequest, "title"> & {
  scope: { tenant: string; nodes: string[]; pool: string; labels: Record<string, string>; requirements: string[] };
  asOf?: CreateReportRequest["asOf"];
  since?: CreateReportRequest["since"];
};

export const reportPreview = (draft: ReportDraft) =>
  queryOptions({
    queryKey: ["Fixed", "report preview", JSON.stringify(draft, (_, v) => (typeof v === "bigint" ? String(v) : v))],
    queryFn: () => reports.previewReport(draft),
  });

/** reportFile loads a file of a report piece by piece. */
export async function reportFile(id: string, format: string, language: string): Promise<Blob> {
  const pieces: BlobPart[] = [];
  for await (const { data } of reports.downloadReport({ id, format, language }, { timeoutMs: 0 })) {
    pieces.push(data as Uint8Array<ArrayBuffer>);
  }
  return new Blob(pieces, { type: format === "html" ? "text/html" : "application/json" });
}
