import { paramOf } from "@/lib/address";
import { before } from "@/lib/ages";
import { type TableSearch, tableSearch } from "@/table/state";

/** How far back, as it stands in the address. */
export const ranges = ["24h", "7d", "30d"] as const;
export type Range = (typeof ranges)[number];

/** Which recordings the server is asked for, as it stands in the address, and what a person made of the table. */
export interface RecordingSearch extends TableSearch {
  node?: string;
  account?: string;
  container?: string;
  back?: Range;
}

/** recordingSearch checks the parameters of the page's address. */
export function recordingSearch(s: Record<string, unknown>): RecordingSearch {
  return {
    ...tableSearch(s),
    node: paramOf(s.node, 64),
    account: paramOf(s.account, 128),
    container: paramOf(s.container, 128),
    back: ranges.find((r) => r === s.back),
  };
}

/** sinceOf is from when on; undefined is all that there is. */
export function sinceOf(back: Range | undefined, now = Date.now()): Date | undefined {
  return back === undefined ? undefined : before(back, now);
}
