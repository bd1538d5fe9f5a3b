import type { QueryClient } from "@tanstack/react-query";
import { createRouter } from "@tanstack/react-router";
import type { i18n } from "i18next";
import { Failed } from "@/shell/Failed";
import { access } from "./access";
import { fleet } from "./fleet";
import { guard } from "./guard";
import { recordings } from "./recordings";
import { root } from "./root";
import { server } from "./server";
import { standard } from "./standard";

// All pages, each loaded when somebody goes there, in the groups of shell/nav.ts. A page that is added adds its route and its line there.
const routes = [...standard, ...fleet, ...access, ...guard, ...recordings, ...server] as const;

export function newRouter(client: QueryClient, i18n: i18n) {
  return createRouter({
    routeTree: root.addChildren(routes),
    context: { client, i18n },
    defaultErrorComponent: Failed,
    defaultPreload: "intent",
    defaultStaleTime: Number.POSITIVE_INFINITY, // what routes load are texts, which do not change
    scrollRestoration: true,
    pathParamsAllowedCharacters: [":"], // ids of images; the server takes no path with letters encoded that need it not
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof newRouter>;
  }
}
