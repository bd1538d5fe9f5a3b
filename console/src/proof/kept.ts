import { keep, kept } from "@/lib/kept";
import { parseCheckpoint } from "./note";
import type { Kept } from "./verify";

// What this browser keeps of each log makes it a witness: a log that is rewritten, or is given another key, shows here.
const name = (origin: string) => `log.${origin}`;

/** keptOf is what this browser keeps of a log, with how many entries its checkpoint is over. */
export function keptOf(origin: string): (Kept & { size: bigint }) | undefined {
  const v = kept(name(origin));
  if (typeof v !== "object" || v === null) return undefined;
  const { key, since, note } = v as Partial<{ [field in keyof Kept]: unknown }>;
  if (typeof key !== "string" || typeof since !== "string" || typeof note !== "string") return undefined;
  return { key, since, note, size: parseCheckpoint(note)?.size ?? 0n };
}

/** keepOf keeps what was verified, unless something larger is kept already by another window. */
export function keepOf(origin: string, k: Kept): void {
  const size = parseCheckpoint(k.note)?.size ?? 0n;
  const before = keptOf(origin);
  if (before === undefined || (before.key === k.key && before.size <= size)) keep(name(origin), k);
}

/** forget is for a log that was begun anew, once somebody knows why. */
export function forget(origin: string): void {
  keep(name(origin), null);
}
