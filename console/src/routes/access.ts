import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { questionOf } from "@/pages/policies/question";
import { tableSearch } from "@/table/state";
import { short, texts, under } from "./root";

/** Who may do what. */
export const access = [
  createRoute({
    getParentRoute: under,
    path: "/policies",
    loader: texts("policies"),
    validateSearch: (s: Record<string, unknown>): { file?: string; policy?: string } => ({
      file: short(s.file),
      policy: short(s.policy),
    }),
    component: lazyRouteComponent(() => import("@/pages/policies/Policies"), "Policies"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/edit",
    loader: texts("policies"),
    component: lazyRouteComponent(() => import("@/pages/policies/Edit"), "EditPolicies"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/proposals",
    loader: texts("policies"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/policies/Proposals"), "Proposals"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/proposals/$id",
    loader: texts("policies"),
    component: lazyRouteComponent(() => import("@/pages/policies/Proposal"), "Proposal"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/versions/$version",
    loader: texts("policies"),
    validateSearch: (s: Record<string, unknown>): { with?: string } => ({
      with: typeof s.with === "number" ? String(s.with) : short(s.with),
    }),
    component: lazyRouteComponent(() => import("@/pages/policies/Version"), "Version"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/policies/ask",
    loader: texts("policies"),
    validateSearch: questionOf,
    component: lazyRouteComponent(() => import("@/pages/policies/Ask"), "AskPolicies"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/access",
    loader: texts("access"),
    validateSearch: (s: Record<string, unknown>): { ask?: boolean } => ({ ask: s.ask === true ? true : undefined }),
    component: lazyRouteComponent(() => import("@/pages/access/Access"), "Access"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/users",
    loader: texts("directory"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/users/Users"), "Users"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/users/$id",
    loader: texts("directory"),
    component: lazyRouteComponent(() => import("@/pages/users/User"), "UserPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/groups",
    loader: texts("directory"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/groups/Groups"), "Groups"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/groups/$id",
    loader: texts("directory"),
    component: lazyRouteComponent(() => import("@/pages/groups/Group"), "GroupPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/tenants",
    loader: texts("directory"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/tenants/Tenants"), "Tenants"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/tenants/$id",
    loader: texts("directory", "pools"),
    component: lazyRouteComponent(() => import("@/pages/tenants/Tenant"), "TenantPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/tokens",
    loader: texts("directory"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/tokens/Tokens"), "Tokens"),
  }),
] as const;
