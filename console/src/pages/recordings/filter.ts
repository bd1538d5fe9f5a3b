import { type TableSearch, tableSearch } from "@/table/state";

/** How far back, as it stands in the address. */
export const ranges = ["24h", "7d", "30d"] as const;
export type Range = (typeof ranges)[number];

const days: Record<Range, number> = { "24h": 1, "7d": 7, "30d": 30 };

/** Which recordings the server is asked for, as it stands in the address, and what a person made of the table. */
export interface RecordingSearch extends TableSearch {
  node?: string;
  account?: string;
  container?: string;
  back?: Range;
}

const text = (v: unknown, most: number): string | undefined =>
  typeof v === "string" && v !== "" ? v.slice(0, most) : typeof v === "number" ? String(v) : undefined;

/** recordingSearch checks the parameters of the page's address. */
export function recordingSearch(s: Record<string, unknown>): RecordingSearch {
  return {
    ...tableSearch(s),
    node: text(s.node, 64),
    account: text(s.account, 128),
    container: text(s.container, 128),
    back: ranges.find((r) => r === s.back),
  };
}

/** sinceOf is from when on; undefined is all that there is. */
export function sinceOf(back: Range | undefined, now = Date.now()): Date | undefined {
  return back === undefined ? undefined : new Date(now - days[back] * 24 * 3_600_000);
}
