import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, retainSearchParams } from "@tanstack/react-router";
import type { i18n } from "i18next";
import { NotFound } from "@/shell/Failed";
import { Shell } from "@/shell/Shell";
import { type TableSearch, tableSearch } from "@/table/state";
import { needTexts, type Part } from "@/texts";

interface Context {
  client: QueryClient;
  i18n: i18n;
}

export const short = (v: unknown): string | undefined => (typeof v === "string" && v !== "" ? v.slice(0, 400) : undefined);

/** A table of what nodes have, perhaps with what they had. */
export const stockSearch = (s: Record<string, unknown>): TableSearch & { gone?: boolean } => ({
  ...tableSearch(s),
  gone: s.gone === true ? true : undefined,
});

export const root = createRootRouteWithContext<Context>()({
  component: Shell,
  notFoundComponent: NotFound,
  // The tenant goes along from page to page: it is kept where a link says nothing of it, so it may not be there as undefined.
  validateSearch: (s: Record<string, unknown>): { tenant?: string } => {
    const tenant = short(s.tenant);
    return tenant === undefined ? {} : { tenant };
  },
  search: { middlewares: [retainSearchParams(["tenant"])] },
});

export const under = () => root;

/** What a page says comes with it: the parts that it and what it is made of use. A test knows which those are. */
export const texts =
  (...parts: Part[]) =>
  ({ context }: { context: Context }): Promise<void> =>
    needTexts(context.i18n, parts);
