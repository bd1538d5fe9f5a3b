import { useSyncExternalStore } from "react";

// When the watch stream told last that something changed. Every change has a record, so there are newer ones since.
let last = 0;
const readers = new Set<() => void>();

export function noteChange(now = Date.now()): void {
  last = now;
  for (const r of readers) r();
}

function subscribe(reader: () => void): () => void {
  readers.add(reader);
  return () => readers.delete(reader);
}

/** useChangedSince says whether something changed after a time. */
export function useChangedSince(time: number): boolean {
  return useSyncExternalStore(subscribe, () => last > time);
}
