import { queryOptions } from "@tanstack/react-query";
import type { Finding, FindingNote } from "@/gen/fleet_pb";
import { findings, users } from "./clients";
import { all } from "./lists";

export const finding = (node: string, id: string) =>
  queryOptions({ queryKey: ["Finding", "one", node, id], queryFn: () => findings.getFinding({ node, id }) });

export const findingNotes = (node: string, id: string) =>
  queryOptions({
    queryKey: ["Finding", "notes", node, id],
    queryFn: () =>
      all<FindingNote>(async (page) => {
        const { notes: items, nextPage } = await findings.listFindingNotes({ node, id, page });
        return { items, nextPage };
      }),
  });

const counted = 1000;

/** How many there are, up to a thousand. */
export const findingCount = (tenant: string, filter: string, enabled = true) =>
  queryOptions({
    queryKey: ["Finding", "count", tenant, filter],
    queryFn: async () => {
      const page = { size: counted, filter, readMask: { paths: ["id"] } };
      const { findings: some, nextPage } = await findings.listFindings({ tenant, page });
      return { count: some.length, more: nextPage !== "" };
    },
    enabled,
  });

/** Accounts that may see to findings of a tenant. Who may not list them gives a name. */
export const people = (tenant: string) =>
  queryOptions({
    queryKey: ["User", "people", tenant],
    queryFn: async () => (await users.listUsers({ tenant, page: { size: 500, filter: "disabled = false" } })).users,
    retry: false,
  });

export interface Triage {
  state: string;
  /** Not given: as it is. */
  owner?: { user: string; name: string };
  comment: string;
}

const atOnce = 1000;

/** triage asks once for each tenant and thousand, as the findings were seen. */
export async function triage(of: readonly Finding[], what: Triage): Promise<void> {
  const byTenant = new Map<string, Finding[]>();
  for (const f of of) {
    const own = byTenant.get(f.tenant);
    if (own === undefined) byTenant.set(f.tenant, [f]);
    else own.push(f);
  }
  for (const [tenant, own] of byTenant) {
    for (let i = 0; i < own.length; i += atOnce) {
      const refs = own.slice(i, i + atOnce).map((f) => ({ node: f.node, id: f.id, version: f.version }));
      await findings.triageFindings({ tenant, findings: refs, ...what });
    }
  }
}
