import { useSyncExternalStore } from "react";
import type { Change } from "@/gen/operations_pb";

/** What the stream tells: a change; that it begins, before which anything may have been; that changes were missed. */
export type Told = Change | "begins" | "missed";
export type Hearer = (told: Told) => void;

const hearers = new Set<Hearer>();
// When something changed last, also while no page asked.
let last = 0;

/** hear tells of all of the stream that the shell keeps open, for pages that want to know what it was that changed. */
export function hear(hearer: Hearer): () => void {
  hearers.add(hearer);
  return () => hearers.delete(hearer);
}

export function tell(told: Told, now = Date.now()): void {
  if (told !== "begins") last = now;
  for (const h of hearers) h(told);
}

export const changedSince = (time: number): boolean => last > time;

/** useChangedSince says whether something changed after a time. Every change has a record, so there are newer ones since. */
export function useChangedSince(time: number): boolean {
  return useSyncExternalStore(hear, () => changedSince(time));
}
