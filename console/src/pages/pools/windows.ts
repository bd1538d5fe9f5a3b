import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Pool } from "@/gen/fleet_pb";
import { dateOf } from "@/lib/time";

/** A window that never comes again has a time of long ago. */
export function nextOf(t: Timestamp | undefined): Date | undefined {
  return t === undefined || t.seconds <= 0n ? undefined : dateOf(t);
}

/** soonest is when the next of a pool's windows begins; undefined where work may always be done. */
export function soonest(p: Pick<Pool, "nextWindows">): Date | undefined {
  const all = p.nextWindows.map(nextOf).filter((d) => d !== undefined);
  return all.length === 0 ? undefined : new Date(Math.min(...all.map((d) => d.getTime())));
}
