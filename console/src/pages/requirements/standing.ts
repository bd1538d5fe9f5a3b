import { type RequirementState, stateOfRequirement, statuses } from "@/components/StatusBadge";
import type { Assessment } from "@/gen/operations_pb";

const stateOf = (a: Assessment, id: string) => stateOfRequirement(a.statuses[id]);
const rank = (a: Assessment, id: string) => statuses.indexOf(stateOf(a, id));

/** worstFirst orders nodes by where they stand on a requirement. */
export function worstFirst(nodes: readonly Assessment[], id: string): Assessment[] {
  return [...nodes].sort(
    (a, b) => rank(a, id) - rank(b, id) || a.nodeName.localeCompare(b.nodeName) || a.tenant.localeCompare(b.tenant),
  );
}

export type Counts = Partial<Record<RequirementState, number>>;

/** ofTenants counts each tenant's nodes by status, the tenant with the worst node first. */
export function ofTenants(nodes: readonly Assessment[], id: string): [tenant: string, counts: Counts][] {
  const out = new Map<string, Counts>();
  for (const n of nodes) {
    const counts = out.get(n.tenant) ?? {};
    const state = stateOf(n, id);
    counts[state] = (counts[state] ?? 0) + 1;
    out.set(n.tenant, counts);
  }
  const worst = (c: Counts) => statuses.findIndex((s) => c[s] !== undefined);
  return [...out].sort(([a, x], [b, y]) => worst(x) - worst(y) || a.localeCompare(b));
}
