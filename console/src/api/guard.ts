import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { queryOptions } from "@tanstack/react-query";
import { type GuardCall, GuardService } from "@/gen/guard_pb";
import { dateOf } from "@/lib/time";
import { all } from "./lists";
import { clientOf } from "./transport";

const guard = clientOf(GuardService);

/** Which calls: what the API is asked for. */
export interface CallsOf {
  tenant: string;
  filter: string;
  /** Computed when it is asked, so that "the last 24 hours" are those before now. */
  since: () => Date;
  /** What makes two spans the same. */
  sinceKey: string;
}

/** Calls that were read, the newest first. */
export interface Calls {
  rows: readonly GuardCall[];
  /** There are older ones. */
  more: boolean;
  /** All that a page holds was read. */
  whole: boolean;
  /** When it was read, by this browser's clock. */
  readAt: number;
}

/** Most calls that a page holds, and most pages that are read for them: a page of the log can have few calls that fit. */
export const mostCalls = 5000;
const mostPages = 60;
const firstPage = 200; // a screen full comes at once
const otherPages = 1000;
const overlap = 60_000; // clocks of nodes differ, and their logs come late

interface Part {
  calls: GuardCall[];
  nextPage: string;
}
export type CallList = (page: { size: number; token: string; since: Date }) => Promise<Part>;

/** readCalls reads calls and shows each part as it comes. */
export async function readCalls(list: CallList, since: Date, show?: (c: Calls) => void, most = mostCalls): Promise<Calls> {
  let rows: readonly GuardCall[] = [];
  let token = "";
  for (let page = 1; ; page++) {
    const size = Math.min(rows.length === 0 ? firstPage : otherPages, most - rows.length);
    const part = await list({ size, token, since });
    rows = rows.concat(part.calls);
    token = part.nextPage;
    const whole = token === "" || rows.length >= most || page >= mostPages;
    const calls = { rows, more: token !== "", whole, readAt: Date.now() };
    if (whole) return calls;
    show?.(calls);
  }
}

const momentOf = (c: GuardCall): number => dateOf(c.time)?.getTime() ?? 0;

/** newer reads what came since, and puts it before what is there. */
export async function newer(before: Calls, list: CallList, since: Date, most = mostCalls): Promise<Calls> {
  const newest = before.rows[0];
  const from = newest === undefined ? since : new Date(Math.max(since.getTime(), momentOf(newest) - overlap));
  const news = await readCalls(list, from, undefined, most);
  const known = new Set(before.rows.map((c) => c.id));
  const fresh = news.rows.filter((c) => !known.has(c.id));
  if (fresh.length === 0) return { ...before, readAt: news.readAt };
  const rows = [...fresh, ...before.rows].sort((a, b) => momentOf(b) - momentOf(a)).slice(0, most);
  return { ...before, rows, more: before.more || rows.length === most, readAt: news.readAt };
}

// Reading the log is recorded, so calls are read when somebody asks for them, or has them followed, and at no other time.
const once = { staleTime: Number.POSITIVE_INFINITY, refetchOnReconnect: false } as const;

export const callList = (of: CallsOf) =>
  queryOptions({
    ...once,
    queryKey: ["Record", "guard", of.tenant, of.filter, of.sinceKey],
    queryFn: async ({ client, queryKey, signal }): Promise<Calls> => {
      const list: CallList = async ({ size, token, since }) =>
        guard.listGuardCalls(
          { tenant: of.tenant, since: timestampFromDate(since), page: { size, token, filter: of.filter } },
          { signal },
        );
      const before = client.getQueryData<Calls>(queryKey);
      if (before?.whole) return newer(before, list, of.since());
      return readCalls(list, of.since(), (c) => client.setQueryData(queryKey, c));
    },
    structuralSharing: false, // thousands of rows are not compared one by one
    placeholderData: undefined,
  });

/** Nodes with an engine, each with the guard before it. What they say comes with their facts. */
export const guardList = (tenant: string) =>
  queryOptions({
    queryKey: ["Node", "guards", tenant],
    queryFn: () =>
      all(async (page) => {
        const { guards: items, nextPage } = await guard.listGuards({ tenant, page });
        return { items, nextPage };
      }),
  });

/** What "enforce" refused or would have refused, by rule, in the last week. */
export const guardPreview = (tenant: string, node: string) =>
  queryOptions({
    ...once,
    queryKey: ["Record", "guard-preview", tenant, node],
    queryFn: ({ signal }) => guard.previewGuard({ tenant, node }, { signal }),
  });
