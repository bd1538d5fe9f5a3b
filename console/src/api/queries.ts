import { keepPreviousData, QueryClient, queryOptions } from "@tanstack/react-query";
import { access, assessments, auth, findings, nodes, system, tenants, users } from "./clients";
import { problemOf } from "./errors";
import { all, quoted, where } from "./lists";
import { isCancelled } from "./transport";

// The first part of a key is the kind of object in the watch stream (Change.object.type) whose change makes the answer old.
export type Kind =
  | "Node"
  | "Event"
  | "Finding"
  | "Exception"
  | "Assessment"
  | "Tenant"
  | "User"
  | "AccessRequest"
  | "Policy"
  | "PolicyProposal"
  | "ExceptionRequest"
  | "Drill"
  | "Report"
  | "Job"
  | "Record"
  | "JoinToken"
  | "Inventory"
  | "Group"
  | "Token"
  | "Pool"
  | "Rollout"
  | "Session"
  | "Fixed";

/** Codes of errors that asking again does not mend. */
export const hopeless = new Set([
  "denied",
  "not_found",
  "invalid",
  "unauthenticated",
  "factor_required",
  "unimplemented",
  "console",
  "expired",
]);

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        gcTime: 5 * 60_000,
        refetchOnWindowFocus: false,
        retry: (count, err) => count < 2 && !isCancelled(err) && !hopeless.has(problemOf(err).code),
        placeholderData: keepPreviousData,
      },
    },
  });
}

export const me = () => queryOptions({ queryKey: ["Fixed", "me"], queryFn: () => auth.getCaller({}), staleTime: 60_000 });

export const info = () => queryOptions({ queryKey: ["Fixed", "info"], queryFn: () => system.getInfo({}) });

export const catalogue = () =>
  queryOptions({
    queryKey: ["Fixed", "catalogue"],
    queryFn: () => assessments.getCatalogue({}),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const tenantList = () =>
  queryOptions({
    queryKey: ["Tenant", "list"],
    queryFn: () =>
      all(async (page) => {
        const { tenants: items, nextPage } = await tenants.listTenants({ page });
        return { items, nextPage };
      }),
  });

export const status = (tenant: string) =>
  queryOptions({ queryKey: ["Assessment", "status", tenant], queryFn: () => assessments.getStatus({ tenant }) });

export const statusOfNode = (tenant: string, node: string) =>
  queryOptions({ queryKey: ["Assessment", "status", tenant, node], queryFn: () => assessments.getStatus({ tenant, node }) });

export const trend = (tenant: string, days: number) =>
  queryOptions({ queryKey: ["Assessment", "trend", tenant, days], queryFn: () => assessments.getTrend({ tenant, days }) });

export const assessment = (id: string) =>
  queryOptions({
    queryKey: ["Fixed", "assessment", id], // an assessment does not change
    queryFn: () => assessments.getAssessment({ id }),
    enabled: id !== "",
  });

export const nodeList = (tenant: string, filter = "") =>
  queryOptions({
    queryKey: ["Node", "list", tenant, filter],
    queryFn: () =>
      all(async (page) => {
        const { nodes: items, nextPage } = await nodes.listNodes({ tenant, page });
        return { items, nextPage };
      }, filter),
  });

export const node = (id: string) => queryOptions({ queryKey: ["Node", "one", id], queryFn: () => nodes.getNode({ id }) });

export const nodeFacts = (id: string) =>
  queryOptions({ queryKey: ["Node", "facts", id], queryFn: () => nodes.getNodeFacts({ id }) });

export const findingList = (tenant: string, filter: string, most?: number) =>
  queryOptions({
    queryKey: ["Finding", "list", tenant, filter, most],
    queryFn: () =>
      all(
        async (page) => {
          const { findings: items, nextPage } = await findings.listFindings({ tenant, page });
          return { items, nextPage };
        },
        filter,
        most,
      ),
  });

export const exceptionList = (tenant: string) =>
  queryOptions({
    queryKey: ["Exception", "list", tenant],
    queryFn: () =>
      all(async (page) => {
        const { exceptions: items, nextPage } = await findings.listExceptions({ tenant, page });
        return { items, nextPage };
      }),
  });

export interface EventsOf {
  node?: string;
  requirement?: string;
  kind?: string;
  since?: Date;
  worse?: boolean;
}

export function eventFilter(of: EventsOf): string {
  return where(
    of.node && `node = ${quoted(of.node)}`,
    of.requirement && `requirement = ${quoted(of.requirement)}`,
    of.kind && `kind = ${quoted(of.kind)}`,
    of.worse ? 'severity != "info"' : undefined,
    of.since && `time >= ${quoted(of.since.toISOString())}`,
  );
}

export const eventList = (tenant: string, of: EventsOf, most: number) =>
  queryOptions({
    queryKey: ["Event", "list", tenant, { ...of, since: of.since?.toISOString().slice(0, 13) }, most],
    queryFn: () =>
      all(
        async (page) => {
          const { events: items, nextPage } = await nodes.listEvents({ tenant, page });
          return { items, nextPage };
        },
        eventFilter(of),
        most,
      ),
  });

export const user = (id: string) => queryOptions({ queryKey: ["User", "one", id], queryFn: () => users.getUser({ id }) });

export const pendingRequests = (tenant: string) =>
  queryOptions({
    queryKey: ["AccessRequest", "pending", tenant],
    queryFn: () =>
      all(
        async (page) => {
          const { requests: items, nextPage } = await access.listAccessRequests({ tenant, page });
          return { items, nextPage };
        },
        'state = "pending"',
        1000,
      ),
  });
