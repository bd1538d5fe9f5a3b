import type { TFunction } from "i18next";
import { plain } from "@/lib/plain";

/** Kinds of work that can be asked for. */
export const kinds = ["audit_verify", "report", "retention", "expiry"] as const;
const others = ["alarm", "make_report"] as const;

/** kindWord says what a job does. One that has no words is called as the server does. */
export function kindWord(t: TFunction, kind: string): string {
  const known = [...kinds, ...others].find((k) => k === kind);
  return known === undefined ? plain(kind) : t(`jobs.kind.${known}.name`);
}
