import type { Query, QueryClient } from "@tanstack/react-query";

type Wait = (ms: number) => Promise<void>;

const mostRest = 60_000;

/**
 * renewing gives what reads answers again that became old. A reading that is on its way goes on, as one that takes longer than the pause
 * between two changes would never end otherwise; what changed meanwhile may not be in it, so it is read once more. Between two readings is
 * as long a rest as the first took, so that a large list does not keep a server busy.
 */
export function renewing(
  client: QueryClient,
  wait: Wait = (ms) => new Promise((r) => setTimeout(r, ms)),
): (old: (q: Query) => boolean) => void {
  const again = new Map<string, boolean>(); // what is read or rests, and whether it became old meanwhile
  const renew = async ({ queryHash }: Query) => {
    if (again.has(queryHash)) {
      again.set(queryHash, true);
      return;
    }
    again.set(queryHash, true);
    while (again.get(queryHash)) {
      const q = client.getQueryCache().get(queryHash);
      if (q !== undefined && q.state.fetchStatus !== "idle") await q.promise?.catch(() => undefined);
      again.set(queryHash, false);
      const began = performance.now();
      await client.invalidateQueries({ predicate: (other) => other.queryHash === queryHash }, { cancelRefetch: false });
      await wait(Math.min(performance.now() - began, mostRest));
    }
    again.delete(queryHash);
  };
  return (old) => {
    for (const q of client.getQueryCache().findAll({ predicate: old })) void renew(q);
  };
}
