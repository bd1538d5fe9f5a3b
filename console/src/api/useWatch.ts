import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { tell } from "./changes";
import { auth, watching } from "./clients";
import { problemOf } from "./errors";
import { follow, type Link } from "./follow";
import { renewing } from "./renew";

/** What the server finds is written with an assessment, and an exception covers findings: neither is told of by itself. */
function withImplied(kinds: ReadonlySet<string>): ReadonlySet<string> {
  return kinds.has("Assessment") || kinds.has("Exception") ? new Set([...kinds, "Finding"]) : kinds;
}

/** useWatch keeps all answers of the API up to date, and says whether it can. It is used once, by the shell. */
export function useWatch(tenant: string): Link {
  const client = useQueryClient();
  const [link, setLink] = useState<Link>("connecting");
  useEffect(() => {
    const control = new AbortController();
    const renew = renewing(client);
    void follow({
      open: (cursor, signal) => watching.watch({ tenant, cursor }, { signal, timeoutMs: 0 }),
      changed: (kinds) => {
        // The first part of a query's key is the kind of object that it is about.
        // Records are not read again by themselves: reading them makes records.
        const implied = kinds === "all" ? kinds : withImplied(kinds);
        const old = (kind: string) => kind !== "Record" && (implied === "all" || implied.has(kind));
        renew((q) => old(String(q.queryKey[0])));
      },
      each: tell,
      link: setLink,
      // Where the session is over, this call leads to the page of signing in.
      signedIn: () =>
        auth.getCaller({}).then(
          () => true,
          (err) => problemOf(err).code !== "unauthenticated",
        ),
      signal: control.signal,
    });
    return () => control.abort();
  }, [client, tenant]);
  return link;
}
