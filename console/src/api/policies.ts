import { queryOptions } from "@tanstack/react-query";
import type { PolicyFile } from "@/gen/policy_pb";
import { access, policies } from "./clients";
import { problemOf } from "./errors";
import { all } from "./lists";
import { isCancelled } from "./transport";

/** Name and text of a file of policies or tests. */
export type File = Pick<PolicyFile, "name" | "text">;

/** The policies of a tenant: those in force, or those of a version. */
export const policySet = (tenant: string, version = 0n) =>
  queryOptions({
    queryKey: version === 0n ? ["Policy", "set", tenant] : ["Fixed", "policies", tenant, String(version)],
    queryFn: () => policies.getPolicies({ tenant, version }),
    enabled: tenant !== "",
  });

export const policyVersions = (tenant: string) =>
  queryOptions({
    queryKey: ["Policy", "versions", tenant],
    queryFn: () =>
      all(
        async (page) => {
          const { versions: items, nextPage } = await policies.listPolicyVersions({ tenant, page });
          return { items, nextPage };
        },
        "",
        1000,
      ),
    enabled: tenant !== "",
  });

export const policySchema = () =>
  queryOptions({
    queryKey: ["Fixed", "schema"],
    queryFn: () => policies.getSchema({}),
    staleTime: Number.POSITIVE_INFINITY,
  });

/** What a draft would do. `days` is how far back recorded decisions are decided again; 0 leaves them out. */
export const preview = (tenant: string, files: readonly File[], days: number, enabled = true) =>
  queryOptions({
    queryKey: ["Fixed", "preview", tenant, days, files],
    queryFn: ({ signal }) =>
      policies.previewPolicies({ tenant, files: [...files], since: { seconds: BigInt(Math.max(1, days * 86400)) } }, { signal }),
    enabled: enabled && tenant !== "",
    staleTime: 60_000,
    gcTime: 60_000,
    // One check of a tenant runs at a time; another's ends soon.
    retry: (count, err) => count < 6 && !isCancelled(err) && problemOf(err).code === "too_many_requests",
  });

export const proposalList = (tenant: string, filter = "") =>
  queryOptions({
    queryKey: ["PolicyProposal", "list", tenant, filter],
    queryFn: () =>
      all(
        async (page) => {
          const { proposals: items, nextPage } = await policies.listPolicyProposals({ tenant, page });
          return { items, nextPage };
        },
        filter,
        1000,
      ),
  });

export const proposal = (id: string) =>
  queryOptions({ queryKey: ["PolicyProposal", "one", id], queryFn: () => policies.getPolicyProposal({ id }) });

export const accessRequests = (tenant: string) =>
  queryOptions({
    queryKey: ["AccessRequest", "list", tenant],
    queryFn: () =>
      all(
        async (page) => {
          const { requests: items, nextPage } = await access.listAccessRequests({ tenant, page });
          return { items, nextPage };
        },
        "",
        5000,
      ),
  });

export const myAccessRequests = () =>
  queryOptions({
    queryKey: ["AccessRequest", "mine"],
    queryFn: () =>
      all(
        async (page) => {
          const { requests: items, nextPage } = await access.listMyAccessRequests({ page });
          return { items, nextPage };
        },
        "",
        1000,
      ),
  });
