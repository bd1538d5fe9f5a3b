import type { Change } from "@/gen/operations_pb";

/** Something changed; undefined where the stream begins anew, before which anything may have been. */
export type Hearer = (change: Change | undefined) => void;

const hearers = new Set<Hearer>();

/** hear tells of every change of the stream that the shell keeps open, for pages that want to know what it was that changed. */
export function hear(hearer: Hearer): () => void {
  hearers.add(hearer);
  return () => hearers.delete(hearer);
}

export function tell(change: Change | undefined): void {
  for (const h of hearers) h(change);
}
