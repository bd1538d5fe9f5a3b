import type { MantineColorScheme, MantineColorSchemeManager } from "@mantine/core";
import { cookie, setCookie } from "@/lib/cookie";

const name = "bulkhead-scheme";
const isScheme = (s: string | undefined): s is MantineColorScheme => s === "light" || s === "dark" || s === "auto";

/** The colour scheme is kept in a cookie, so that the server sends the page in it and nothing flashes. */
export function cookieScheme(): MantineColorSchemeManager {
  return {
    get: (otherwise) => {
      const kept = cookie(name);
      return isScheme(kept) ? kept : otherwise;
    },
    set: (scheme) => setCookie(name, scheme),
    subscribe: () => undefined,
    unsubscribe: () => undefined,
    clear: () => setCookie(name, "auto"),
  };
}
