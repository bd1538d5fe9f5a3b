import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { queryOptions } from "@tanstack/react-query";
import type { SessionRecording } from "@/gen/recording_pb";
import { recordings } from "./clients";
import { all } from "./lists";

/** Which recordings. */
export interface RecordingsOf {
  tenant: string;
  node?: string;
  account?: string;
  container?: string;
  /** One recording, by its id. */
  id?: string;
  since?: Date;
}

/** Most recordings that a page lists; a filter finds the others. */
const most = 2000;

export const recordingList = (of: RecordingsOf, rangeKey = "") =>
  queryOptions({
    queryKey: ["Record", "recordings", of.tenant, of.node, of.account, of.container, of.id, rangeKey],
    queryFn: () =>
      all(
        async ({ size, token }) => {
          const res = await recordings.listRecordings({
            ...of,
            since: of.since === undefined ? undefined : timestampFromDate(of.since),
            page: { size, token },
          });
          return { items: res.recordings, nextPage: res.nextPage };
        },
        "",
        most,
      ),
    // Every look at the log makes a record: it is looked at when somebody comes, and at no other time.
    staleTime: 60_000,
    refetchOnReconnect: false,
  });

/** A recording as it came: encrypted. */
export interface Fetched {
  file: Uint8Array<ArrayBuffer>;
  digest: string;
  recording: SessionRecording;
  /** What was wrong with it, after it came: it is not what was recorded. */
  error?: unknown;
}

const mostBytes = 65 << 20;

/** fetchRecording has a recording brought from its node. That somebody asked for it is recorded here and there. */
export async function fetchRecording(node: string, id: string, progress: (bytes: number, of: number) => void): Promise<Fetched> {
  const { id: transfer, recording } = await recordings.requestRecording({ node, id });
  if (recording === undefined) throw new Error("the server says nothing of the recording");
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let n = 0;
  let error: unknown;
  try {
    for await (const { data } of recordings.readRecording({ node, transfer }, { timeoutMs: 0 })) {
      n += data.length;
      if (n > mostBytes) throw new Error("the recording is larger than a page can hold");
      pieces.push(data as Uint8Array<ArrayBuffer>);
      progress(n, Number(recording.bytes));
    }
  } catch (err) {
    // What came in whole and is not what was recorded may still tell something; what did not come tells nothing.
    if (n === 0 || n < Number(recording.bytes)) throw err;
    error = err;
  }
  const file = new Uint8Array(n);
  let at = 0;
  for (const p of pieces) {
    file.set(p, at);
    at += p.length;
  }
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  const digest = `sha256:${[...sum].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
  return { file, digest, recording, error };
}
