import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { noteChange } from "./changed";
import { watching } from "./clients";
import { follow, type Link } from "./follow";
import { sessionOver } from "./transport";

/** useWatch keeps all answers of the API up to date, and says whether it can. It is used once, by the shell. */
export function useWatch(tenant: string): Link {
  const client = useQueryClient();
  const [link, setLink] = useState<Link>("connecting");
  useEffect(() => {
    const control = new AbortController();
    void follow({
      open: (cursor, signal) => watching.watch({ tenant, cursor }, { signal, timeoutMs: 0 }),
      changed: (kinds) => {
        // The first part of a query's key is the kind of object that it is about.
        // Records are not read again by themselves: reading them makes records.
        const old = (kind: string) => kind !== "Record" && (kinds === "all" || kinds.has(kind));
        void client.invalidateQueries({ predicate: (q) => old(String(q.queryKey[0])) });
        noteChange();
      },
      link: setLink,
      over: (code) => {
        if (code === "unauthenticated") sessionOver();
      },
      signal: control.signal,
    });
    return () => control.abort();
  }, [client, tenant]);
  return link;
}
