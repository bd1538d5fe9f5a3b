import { is, where } from "@/api/lists";
import type { GuardCall } from "@/gen/guard_pb";
import { paramOf } from "@/lib/address";
import { type Age, ages, before, usual } from "@/lib/ages";

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

export const outcomes = ["allowed", "would_refuse", "refused", "failed"] as const;
export type Outcome = (typeof outcomes)[number];

/** callSearch checks the parameters of an address, which anybody may have written. */
export function callSearch(s: Record<string, unknown>): CallSearch {
  return {
    since: ages.find((a) => a === s.since),
    node: paramOf(s.node),
    actor: paramOf(s.actor),
    action: paramOf(s.action),
    type: paramOf(s.type),
    object: paramOf(s.object),
    outcome: outcomes.find((o) => o === s.outcome),
    rule: paramOf(s.rule),
    call: paramOf(s.call),
  };
}

/** What narrows the calls; the span of time and what is open do not. */
export const narrowing = ["node", "actor", "action", "type", "object", "outcome", "rule"] as const;

export function filterOf(s: CallSearch): string {
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

export const sinceOf = (s: CallSearch, now = Date.now()): Date => before(s.since ?? usual, now);

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
