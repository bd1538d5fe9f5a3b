import { quoted, where } from "@/api/lists";
import type { GuardCall } from "@/gen/guard_pb";

/** Which calls, as it stands in the address. */
export interface CallSearch {
  since?: Age;
  node?: string;
  actor?: string;
  action?: string;
  /** Cedar type and id of the object. */
  type?: string;
  object?: string;
  outcome?: Outcome;
  rule?: string;
  /** The record of the call that is open. */
  call?: string;
}

export const ages = ["1h", "24h", "7d", "30d"] as const;
export type Age = (typeof ages)[number];
export const usual: Age = "24h";
export const outcomes = ["allowed", "would_refuse", "refused", "failed"] as const;
export type Outcome = (typeof outcomes)[number];

const hours: Record<Age, number> = { "1h": 1, "24h": 24, "7d": 168, "30d": 720 };
const text = (v: unknown): string | undefined =>
  (typeof v === "string" && v !== "") || typeof v === "number" ? String(v).slice(0, 300) : undefined;

/** callSearch checks the parameters of an address, which anybody may have written. */
export function callSearch(s: Record<string, unknown>): CallSearch {
  return {
    since: ages.find((a) => a === s.since),
    node: text(s.node),
    actor: text(s.actor),
    action: text(s.action),
    type: text(s.type),
    object: text(s.object),
    outcome: outcomes.find((o) => o === s.outcome),
    rule: text(s.rule),
    call: text(s.call),
  };
}

/** What narrows the calls; the span of time and what is open do not. */
export const narrowing = ["node", "actor", "action", "type", "object", "outcome", "rule"] as const;

export function filterOf(s: CallSearch): string {
  const is = (field: string, value: string | undefined) => (value === undefined ? undefined : `${field} = ${quoted(value)}`);
  return where(
    is("node", s.node),
    is("actor", s.actor),
    is("action", s.action),
    is("resource_type", s.type),
    is("resource", s.object),
    is("outcome", s.outcome),
    is("rule", s.rule),
  );
}

export const sinceOf = (s: CallSearch, now = Date.now()): Date => new Date(now - hours[s.since ?? usual] * 3_600_000);

/** How a call ended, with those that were only observed told apart. */
export function outcomeOf(c: Pick<GuardCall, "outcome" | "wouldRefuse">): Outcome | "unknown" {
  if (c.outcome === "allowed" && c.wouldRefuse.length > 0) return "would_refuse";
  return outcomes.find((o) => o === c.outcome) ?? "unknown";
}

/** The rules of a call: those that refused it, or those that would have. */
export function rulesOf(c: Pick<GuardCall, "rule" | "wouldRefuse">): string[] {
  const refused = c.rule.split(/,\s*/).filter((r) => r !== "");
  return refused.length > 0 ? refused : [...c.wouldRefuse];
}
