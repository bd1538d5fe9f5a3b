import { useEffect, useMemo, useSyncExternalStore } from "react";
import { timeOf } from "@/lib/time";
import { hear } from "./changes";
import { nodes } from "./clients";
import { problemOf } from "./errors";
import { Feed, type FeedState } from "./feed";
import { all, quoted, where } from "./lists";
import { hopeless } from "./queries";

/** What events a page is about. All of it stands in the address. */
export interface EventSearch {
  kind?: string;
  severity?: string;
  node?: string;
  requirement?: string;
  from?: string;
  to?: string;
}

export function searchFilter(of: EventSearch): string {
  const from = timeOf(of.from);
  const to = timeOf(of.to);
  return where(
    of.kind && `kind = ${quoted(of.kind)}`,
    of.severity && `severity = ${quoted(of.severity)}`,
    of.node && `node = ${quoted(of.node)}`,
    of.requirement && `requirement = ${quoted(of.requirement)}`,
    from && `time >= ${quoted(from.toISOString())}`,
    to && `time < ${quoted(to.toISOString())}`,
  );
}

/** useEvents follows events: what is new comes by the stream of changes that the shell keeps open. */
export function useEvents(tenant: string, of: EventSearch): FeedState & { pause: (paused: boolean) => void } {
  const filter = searchFilter(of);
  const feed = useMemo(
    () =>
      new Feed({
        read: (since, most) =>
          all(
            async (page) => {
              const { events: items, nextPage } = await nodes.listEvents({ tenant, page });
              return { items, nextPage };
            },
            where(
              filter,
              since.id === undefined ? undefined : `id >= ${quoted(since.id)}`,
              since.time === undefined ? undefined : `time >= ${quoted(since.time.toISOString())}`,
            ),
            most,
          ),
        over: (err) => hopeless.has(problemOf(err).code),
      }),
    [tenant, filter],
  );
  useEffect(() => {
    const stop = hear(feed.hear);
    feed.start();
    return () => {
      stop();
      feed.close();
    };
  }, [feed]);
  const state = useSyncExternalStore(feed.subscribe, feed.snapshot);
  return { ...state, pause: (paused) => feed.pause(paused) };
}
