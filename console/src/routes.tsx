import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  retainSearchParams,
} from "@tanstack/react-router";
import { Failed, NotFound } from "./shell/Failed";
import { Shell } from "./shell/Shell";
import { tableSearch } from "./table/state";

interface Context {
  client: QueryClient;
}

const short = (v: unknown): string | undefined => (typeof v === "string" && v !== "" ? v.slice(0, 400) : undefined);

const root = createRootRouteWithContext<Context>()({
  component: Shell,
  notFoundComponent: NotFound,
  // The tenant goes along from page to page.
  validateSearch: (s: Record<string, unknown>): { tenant?: string } => ({ tenant: short(s.tenant) }),
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
    path: "/findings",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/findings/Findings"), "Findings"),
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
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
