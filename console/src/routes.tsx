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
    path: "/findings",
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("./pages/findings/Findings"), "Findings"),
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
