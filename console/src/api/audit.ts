import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Record as AuditRecord, Log, RecordProof } from "@/gen/audit_pb";
import { keepOf, keptOf } from "@/proof/kept";
import { type Verdict, verifyRecord } from "@/proof/verify";
import { audit, system } from "./clients";
import { problemOf } from "./errors";

/** Which records: what the API is asked for. */
export interface RecordsOf {
  tenant: string;
  filter: string;
  /** Times are computed when it is asked, so that "the last 24 hours" are those before now. */
  range: () => { since?: Date; until?: Date };
  /** What makes two ranges the same. */
  rangeKey: string;
}

export const pageSize = 100;
/** Most pages that are shown; what is older is found by a narrower search, or exported. */
export const mostPages = 20;

interface RecordPage {
  records: AuditRecord[];
  next: string;
  /** When it was read, by this browser's clock. */
  readAt: number;
  range: { since?: Date; until?: Date };
}

const stamp = (d: Date | undefined) => (d === undefined ? undefined : timestampFromDate(d));

// Reading records makes records, so they are read when somebody asks for them and at no other time.
const once = { staleTime: Number.POSITIVE_INFINITY, refetchOnReconnect: false, refetchOnMount: false } as const;

export const recordPages = (of: RecordsOf) =>
  infiniteQueryOptions({
    ...once,
    queryKey: ["Record", "list", of.tenant, of.filter, of.rangeKey],
    initialPageParam: { token: "", range: undefined as RecordPage["range"] | undefined },
    queryFn: async ({ pageParam, signal }): Promise<RecordPage> => {
      const range = pageParam.range ?? of.range();
      const page = { size: pageSize, token: pageParam.token, filter: of.filter };
      const res = await audit.searchRecords(
        { tenant: of.tenant, since: stamp(range.since), until: stamp(range.until), page },
        { signal },
      );
      return { records: res.records, next: res.nextPage, readAt: Date.now(), range };
    },
    getNextPageParam: (last, all) =>
      last.next === "" || all.length >= mostPages ? undefined : { token: last.next, range: last.range },
  });

export interface CheckedRecord {
  answer: RecordProof;
  verdict: Verdict;
  /** The key that it was checked with; "" for none. */
  key: string;
  at: Date;
}

/** checkedRecord reads a record with its proof, and checks it here. */
export const checkedRecord = (id: string) =>
  queryOptions({
    ...once,
    queryKey: ["Record", "one", id],
    queryFn: async (): Promise<CheckedRecord> => {
      const origin = id.slice(0, Math.max(0, id.lastIndexOf("/")));
      const kept = keptOf(origin);
      const [answer, own] = await Promise.all([
        audit.getRecord({ id, keptSize: kept?.size ?? 0n }),
        system.getInfo({}).then(
          (i) => (i.auditOrigin === origin ? i.auditKey : ""),
          () => "",
        ),
      ]);
      const said = own !== "" || answer.checkpoint === "" ? own : await keyOf(origin);
      const verdict = await verifyRecord(id, answer, said === "" ? undefined : said, kept);
      if (verdict.keep !== undefined) keepOf(origin, verdict.keep);
      return { answer, verdict, key: kept?.key ?? said, at: new Date() };
    },
  });

/** The key of another replica's log, for those who may list logs. */
async function keyOf(origin: string): Promise<string> {
  try {
    const { logs } = await audit.listLogs({});
    return logs.find((l) => l.origin === origin)?.publicKey ?? "";
  } catch (err) {
    if (problemOf(err).code === "denied") return "";
    throw err;
  }
}

export const logList = () =>
  queryOptions({
    queryKey: ["Record", "logs"],
    queryFn: async (): Promise<Log[]> => (await audit.listLogs({})).logs,
    staleTime: 60_000,
    refetchOnReconnect: false,
  });
