import { is, where } from "@/api/lists";
import { paramOf } from "@/lib/address";
import { type Age, ages, before, hours, usual } from "@/lib/ages";
import { shellQuoted } from "@/lib/shell";
import { timeOf } from "@/lib/time";

/** What is looked for, as it stands in the address. */
export interface AuditSearch {
  actor?: string;
  action?: string;
  type?: string;
  resource?: string;
  outcome?: string;
  log?: string;
  /** An age (1h, 24h, 7d, 30d), "all", or a time. */
  since?: string;
  until?: string;
  /** More conditions, in the language of the API (AIP-160). */
  filter?: string;
}

export const fields = ["actor", "action", "type", "resource", "outcome", "log", "since", "until", "filter"] as const;
export const outcomes = ["allowed", "refused", "failed"] as const;

/** auditSearch checks the parameters of an address, which anybody may have written. */
export function auditSearch(s: Record<string, unknown>): AuditSearch {
  const out: AuditSearch = {};
  for (const f of fields) {
    const v = paramOf(s[f], f === "filter" ? 1500 : 300);
    if (v !== undefined) out[f] = v;
  }
  if (out.outcome !== undefined && !outcomes.some((o) => o === out.outcome)) delete out.outcome;
  if (out.since !== undefined && out.since !== "all" && !isAge(out.since) && timeOf(out.since) === undefined) delete out.since;
  if (timeOf(out.until) === undefined) delete out.until;
  return out;
}

export const isAge = (s: string | undefined): s is Age => ages.some((a) => a === s);

const id = /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** filterOf is what the API is asked for. A person is named by id or by name. */
export function filterOf(s: AuditSearch): string {
  return where(
    is(id.test(s.actor ?? "") ? "actor" : "actor_name", s.actor),
    is("action", s.action),
    is("resource_type", s.type),
    is("resource", s.resource),
    is("outcome", s.outcome),
    is("origin", s.log),
    s.filter,
  );
}

/** rangeOf is which times are meant; without any, the last day. */
export function rangeOf(s: AuditSearch, now: Date): { since?: Date; until?: Date } {
  const until = timeOf(s.until);
  const since = s.since ?? usual;
  if (since === "all") return { until };
  if (isAge(since)) return { since: before(since, now.getTime()), until };
  return { since: timeOf(since), until };
}

/** How the same is asked for on the command line. */
export function commandOf(verb: "search" | "export", s: AuditSearch, tenant: string, now: Date): string {
  const { since, until } = rangeOf(s, now);
  const filter = filterOf(s);
  const age = s.since ?? usual;
  return [
    `bulkhead audit ${verb}`,
    since === undefined ? "" : `--since ${isAge(age) ? `${hours[age]}h` : since.toISOString()}`,
    until === undefined ? "" : `--until ${until.toISOString()}`,
    filter === "" ? "" : `--filter ${shellQuoted(filter)}`,
    tenant === "" ? "" : `--tenant ${shellQuoted(tenant)}`,
  ]
    .filter((p) => p !== "")
    .join(" ");
}
