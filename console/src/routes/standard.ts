import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { tableSearch } from "@/table/state";
import { short, texts, under } from "./root";

/** Where the standard stands. */
export const standard = [
  createRoute({
    getParentRoute: under,
    path: "/",
    component: lazyRouteComponent(() => import("@/pages/overview/Overview"), "Overview"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/requirements",
    loader: texts("proofs", "requirements"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/requirements/Requirements"), "Requirements"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/requirements/$id",
    loader: texts("exceptions", "proofs", "requirements"),
    validateSearch: (s: Record<string, unknown>): { node?: string } => ({ node: short(s.node) }),
    component: lazyRouteComponent(() => import("@/pages/requirements/Requirement"), "Requirement"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/exceptions",
    loader: texts("exceptions", "requirements"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/exceptions/Exceptions"), "ExceptionsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/reports",
    loader: texts("reports"),
    component: lazyRouteComponent(() => import("@/pages/reports/Reports"), "Reports"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/reports/$id",
    loader: texts("proofs", "reports"),
    component: lazyRouteComponent(() => import("@/pages/reports/Report"), "ReportPage"),
  }),
] as const;
