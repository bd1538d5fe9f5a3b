import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { auditSearch } from "@/pages/audit/filter";
import { tableSearch } from "@/table/state";
import { texts, under } from "./root";

/** What the server did and runs with. */
export const server = [
  createRoute({
    getParentRoute: under,
    path: "/audit",
    loader: texts("audit"),
    validateSearch: auditSearch,
    component: lazyRouteComponent(() => import("@/pages/audit/Search"), "AuditPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/export",
    loader: texts("audit"),
    validateSearch: auditSearch,
    component: lazyRouteComponent(() => import("@/pages/audit/Export"), "ExportPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/logs",
    loader: texts("audit"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/audit/Logs"), "LogsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/log/$",
    loader: texts("audit"),
    component: lazyRouteComponent(() => import("@/pages/audit/Log"), "LogPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/audit/records/$",
    loader: texts("audit"),
    component: lazyRouteComponent(() => import("@/pages/audit/Record"), "RecordPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/jobs",
    loader: texts("jobs"),
    validateSearch: tableSearch,
    component: lazyRouteComponent(() => import("@/pages/jobs/Jobs"), "Jobs"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/settings",
    loader: texts("about", "directory", "settings"),
    component: lazyRouteComponent(() => import("@/pages/settings/Settings"), "SettingsPage"),
  }),
  createRoute({
    getParentRoute: under,
    path: "/about",
    loader: texts("about"),
    component: lazyRouteComponent(() => import("@/pages/about/About"), "About"),
  }),
] as const;
