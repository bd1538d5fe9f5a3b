import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { type View, views } from "@/lib/findings";
import { type EventView, eventSearch } from "@/pages/events/range";
import { type TableSearch, tableSearch } from "@/table/state";
import { short, stockSearch, texts, under } from "./root";

/** What there is, and what happens to it. */
export const fleet = [
  createRoute({
    getParentRoute: under,
    path: "/nodes",
    loader: texts("directory", "nodes"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/nodes/Nodes"), "Nodes"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/join",
    loader: texts("directory", "nodes"),
    component: lazyRouteComponent(() => import("@/pages/nodes/Join"), "Join"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/$id",
    loader: texts("audit", "directory", "findings", "inventory", "nodes"),
    component: lazyRouteComponent(() => import("@/pages/nodes/Node"), "NodePage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/$id/facts",
    loader: texts("nodes"),
    validateSearch: (s: Record<string, unknown>): { at?: string } => ({ at: short(s.at) }),
    component: lazyRouteComponent(() => import("@/pages/nodes/NodeFacts"), "NodeFacts"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/containers",
    loader: texts("findings", "inventory", "nodes"),
    validateSearch: stockSearch,
    component: lazyRouteComponent(() => import("@/pages/inventory/Containers"), "Containers"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/containers/$node/$id",
    loader: texts("findings", "inventory", "nodes"),
    component: lazyRouteComponent(() => import("@/pages/inventory/Container"), "ContainerPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/images",
    loader: texts("findings", "inventory", "nodes"),
    validateSearch: stockSearch,
    component: lazyRouteComponent(() => import("@/pages/inventory/Images"), "Images"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/images/$node/$id",
    loader: texts("findings", "inventory", "nodes"),
    component: lazyRouteComponent(() => import("@/pages/inventory/Image"), "ImagePage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/networks",
    loader: texts("findings", "inventory", "nodes"),
    validateSearch: stockSearch,
    component: lazyRouteComponent(() => import("@/pages/inventory/Networks"), "Networks"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/networks/$node/$id",
    loader: texts("findings", "inventory", "nodes"),
    component: lazyRouteComponent(() => import("@/pages/inventory/Network"), "NetworkPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/findings",
    loader: texts("findings", "nodes"),
    validateSearch: (s: Record<string, unknown>): TableSearch & { view?: View } => ({
      ...tableSearch(s),
      view: views.find((v) => v === s.view),
    }),
    component: lazyRouteComponent(() => import("@/pages/findings/Findings"), "Findings"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/findings/$node/$id",
    loader: texts("findings", "nodes"),
    component: lazyRouteComponent(() => import("@/pages/findings/Finding"), "FindingPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/events",
    loader: texts("events", "findings", "nodes"),
    validateSearch: (s: Record<string, unknown>): TableSearch & EventView => ({
      ...tableSearch(s),
      ...eventSearch(s),
    }),
    component: lazyRouteComponent(() => import("@/pages/events/Events"), "Events"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/nodes/tokens",
    loader: texts("directory", "nodes"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/tokens/JoinTokens"), "JoinTokens"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/pools",
    loader: texts("directory", "pools"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/pools/Pools"), "Pools"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/pools/$tenant/$name",
    loader: texts("directory", "pools"),
    component: lazyRouteComponent(() => import("@/pages/pools/Pool"), "PoolPage"),
  }),
] as const;
