import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from "@tanstack/react-router";
import { type View, views } from "./lib/findings";
import { auditSearch } from "./pages/audit/filter";
import { type EventView, eventSearch } from "./pages/events/range";
import { questionOf } from "./pages/policies/question";
import { Failed, NotFound } from "./shell/Failed";
import { Shell } from "./shell/Shell";
import { type TableSearch, tableSearch } from "./table/state";

interface Context {
  client: QueryClient;
}

const short = (v: unknown): string | undefined => (typeof v === "string" && v !== "" ? v.slice(0, 400) : undefined);

/** A table of what nodes have, perhaps with what they had. */
const stockSearch = (s: Record<string, unknown>): TableSearch & { gone?: boolean } => ({
  ...tableSearch(s),
  gone: s.gone === true ? true : undefined,
});

const root = createRootRouteWithContext<Context>()({
  component: Shell,
  notFoundComponent: NotFound,
  // The tenant goes along from page to page: it is kept where a link says nothing of it, so it may not be there as undefined.
  validateSearch: (s: Record<string, unknown>): { tenant?: string } => {
    const tenant = short(s.tenant);
    return tenant === undefined ? {} : { tenant };
  },
  search: { middlewares: [retainSearchParams(["tenant"])] },
});

const under = () => root;

// All pages, each loaded when somebody goes there. A page that is added adds its route here and its line in shell/nav.ts.
const routes = [
  createRoute({
    getParentRoute: under,
    path: "/",
    component: lazyRouteComponent(() => import("./pages/overview/Overview"), "Overview"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/requirements",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/requirements/Requirements"), "Requirements"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/requirements/$id",
    validateSearch: (s: Record<string, unknown>): { node?: string } => ({ node: short(s.node) }),
    component: lazyRouteComponent(() => import("./pages/requirements/Requirement"), "Requirement"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/exceptions",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/exceptions/Exceptions"), "ExceptionsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/reports",
    component: lazyRouteComponent(() => import("./pages/reports/Reports"), "Reports"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/reports/$id",
    component: lazyRouteComponent(() => import("./pages/reports/Report"), "ReportPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/nodes/Nodes"), "Nodes"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/join",
    component: lazyRouteComponent(() => import("./pages/nodes/Join"), "Join"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/$id",
    component: lazyRouteComponent(() => import("./pages/nodes/Node"), "NodePage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/$id/facts",
    validateSearch: (s: Record<string, unknown>): { at?: string } => ({ at: short(s.at) }),
    component: lazyRouteComponent(() => import("./pages/nodes/NodeFacts"), "NodeFacts"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/containers",
    validateSearch: stockSearch,
    component: lazyRouteComponent(() => import("./pages/inventory/Containers"), "Containers"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/containers/$node/$id",
    component: lazyRouteComponent(() => import("./pages/inventory/Container"), "ContainerPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/images",
    validateSearch: stockSearch,
    component: lazyRouteComponent(() => import("./pages/inventory/Images"), "Images"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/images/$node/$id",
    component: lazyRouteComponent(() => import("./pages/inventory/Image"), "ImagePage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/networks",
    validateSearch: stockSearch,
    component: lazyRouteComponent(() => import("./pages/inventory/Networks"), "Networks"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/networks/$node/$id",
    component: lazyRouteComponent(() => import("./pages/inventory/Network"), "NetworkPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/findings",
    validateSearch: (s: Record<string, unknown>): TableSearch & { view?: View } => ({
      ...tableSearch(s),
      view: views.find((v) => v === s.view),
    }),
    component: lazyRouteComponent(() => import("./pages/findings/Findings"), "Findings"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/findings/$node/$id",
    component: lazyRouteComponent(() => import("./pages/findings/Finding"), "FindingPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/events",
    validateSearch: (s: Record<string, unknown>): TableSearch & EventView => ({
      ...tableSearch(s),
      ...eventSearch(s),
    }),
    component: lazyRouteComponent(() => import("./pages/events/Events"), "Events"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies",
    validateSearch: (s: Record<string, unknown>): { file?: string; policy?: string } => ({
      file: short(s.file),
      policy: short(s.policy),
    }),
    component: lazyRouteComponent(() => import("./pages/policies/Policies"), "Policies"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/edit",
    component: lazyRouteComponent(() => import("./pages/policies/Edit"), "EditPolicies"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/proposals",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/policies/Proposals"), "Proposals"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/proposals/$id",
    component: lazyRouteComponent(() => import("./pages/policies/Proposal"), "Proposal"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/versions/$version",
    validateSearch: (s: Record<string, unknown>): { with?: string } => ({
      with: typeof s.with === "number" ? String(s.with) : short(s.with),
    }),
    component: lazyRouteComponent(() => import("./pages/policies/Version"), "Version"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/ask",
    validateSearch: questionOf,
    component: lazyRouteComponent(() => import("./pages/policies/Ask"), "AskPolicies"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/access",
    validateSearch: (s: Record<string, unknown>): { ask?: boolean } => ({ ask: s.ask === true ? true : undefined }),
    component: lazyRouteComponent(() => import("./pages/access/Access"), "Access"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit",
    validateSearch: auditSearch,
    component: lazyRouteComponent(() => import("./pages/audit/Search"), "AuditPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/export",
    validateSearch: auditSearch,
    component: lazyRouteComponent(() => import("./pages/audit/Export"), "ExportPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/logs",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/audit/Logs"), "LogsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/log/$",
    component: lazyRouteComponent(() => import("./pages/audit/Log"), "LogPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/records/$",
    component: lazyRouteComponent(() => import("./pages/audit/Record"), "RecordPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/jobs",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/jobs/Jobs"), "Jobs"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/users",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/users/Users"), "Users"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/users/$id",
    component: lazyRouteComponent(() => import("./pages/users/User"), "UserPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/groups",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/groups/Groups"), "Groups"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/groups/$id",
    component: lazyRouteComponent(() => import("./pages/groups/Group"), "GroupPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/tenants",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/tenants/Tenants"), "Tenants"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/tenants/$id",
    component: lazyRouteComponent(() => import("./pages/tenants/Tenant"), "TenantPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/tokens",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/tokens/Tokens"), "Tokens"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/tokens",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/tokens/JoinTokens"), "JoinTokens"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/pools",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/pools/Pools"), "Pools"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/pools/$tenant/$name",
    component: lazyRouteComponent(() => import("./pages/pools/Pool"), "PoolPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/settings",
    component: lazyRouteComponent(() => import("./pages/settings/Settings"), "SettingsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/about",
    component: lazyRouteComponent(() => import("./pages/about/About"), "About"),
  }),
] as const;

export function newRouter(client: QueryClient) {
  return createRouter({
    routeTree: root.addChildren(routes),
    context: { client },
    defaultErrorComponent: Failed,
    defaultPreload: "intent",
    scrollRestoration: true,
    pathParamsAllowedCharacters: [":"], // ids of images; the server takes no path with letters encoded that need it not
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
