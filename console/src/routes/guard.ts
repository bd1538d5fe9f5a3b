import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { type CallSearch, callSearch } from "@/pages/guard/filter";
import type { Profile } from "@/pages/guard/rules";
import { type TableSearch, tableSearch } from "@/table/state";
import { short, texts, under } from "./root";

const profiles = ["restricted", "own"] as const;

/** The guard of the engine: what came to it, what it refuses, and who approves. */
export const guard = [
  createRoute({
    getParentRoute: under,
    path: "/guard",
    loader: texts("audit", "guard", "policies"),
    validateSearch: (s: Record<string, unknown>): TableSearch & CallSearch => ({ ...tableSearch(s), ...callSearch(s) }),
    component: lazyRouteComponent(() => import("@/pages/guard/Calls"), "CallsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/guard/refused",
    loader: texts("audit", "guard", "policies"),
    component: lazyRouteComponent(() => import("@/pages/guard/Refused"), "RefusedPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/guard/enforce",
    loader: texts("audit", "guard", "policies"),
    validateSearch: (s: Record<string, unknown>): TableSearch & { node?: string; profile?: Profile } => ({
      ...tableSearch(s),
      node: short(s.node),
      profile: profiles.find((p) => p === s.profile),
    }),
    component: lazyRouteComponent(() => import("@/pages/guard/Enforce"), "EnforcePage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/guard/approvals",
    loader: texts("access", "guard"),
    component: lazyRouteComponent(() => import("@/pages/guard/Approvals"), "ApprovalsPage"),
  }),
] as const;
