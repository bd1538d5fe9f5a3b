import { Button, SegmentedControl, Text } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useEvents } from "@/api/events";
import { mostEvents } from "@/api/feed";
import { Empty } from "@/components/Empty";
import { ErrorPanel } from "@/components/ErrorPanel";
import { Page, Panel } from "@/components/Page";
import { Pill } from "@/components/StatusBadge";
import { type EventLine, grouped, single } from "@/lib/events";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import { DataTable } from "@/table/DataTable";
import { tableSearch } from "@/table/state";
import { EventDetail } from "./Detail";
import classes from "./Events.module.css";
import { Filters } from "./Filters";
import { rangeOf } from "./range";
import { useColumns } from "./useColumns";

/** What happens in the fleet, as it happens. Equal events are one line. */
export function Events() {
  const { t } = useTranslation();
  const replace = useReplace();
  const search = useSearch({ from: "/events" });
  const tenant = useTenant();
  const [chosen, setChosen] = useState<EventLine>();
  const { kind, severity, node, requirement, from, to } = search;
  const range = useMemo(() => rangeOf({ range: search.range, from, to }), [search.range, from, to]);
  const feed = useEvents(tenant, { kind, severity, node, requirement, ...range });
  const lines = useMemo(() => (search.each ? single(feed.events) : grouped(feed.events)), [feed.events, search.each]);
  const columns = useColumns();
  const live = range.to === undefined;
  const failed = feed.error !== undefined && <ErrorPanel error={feed.error} what={t("events.failed")} />;
  return (
    <Page
      title={t("events.title")}
      about={t("events.about")}
      badge={
        <Pill
          tone={!live ? "off" : feed.paused ? "part" : "good"}
          word={t(!live ? "events.past" : feed.paused ? "events.paused" : "events.live")}
        />
      }
      actions={
        <>
          <SegmentedControl
            size="xs"
            aria-label={t("events.equal")}
            value={search.each ? "each" : "grouped"}
            onChange={(v) => void replace({ to: "/events", search: (old) => ({ ...old, each: v === "each" || undefined }) })}
            data={[
              { value: "grouped", label: t("events.grouped") },
              { value: "each", label: t("events.each") },
            ]}
          />
          {live && (
            <Button
              size="xs"
              variant={feed.paused ? "filled" : "default"}
              leftSection={feed.paused ? <IconPlayerPlay size={14} aria-hidden /> : <IconPlayerPause size={14} aria-hidden />}
              onClick={() => feed.pause(!feed.paused)}
            >
              {!feed.paused
                ? t("events.pause")
                : feed.waiting === 0
                  ? t("events.resume")
                  : t("events.resumeWith", { count: feed.waiting })}
            </Button>
          )}
        </>
      }
    >
      <Filters search={search} events={feed.events} />
      {failed}
      {(feed.loaded || feed.error === undefined) && (
        <>
          <DataTable
            id="events"
            label={t("events.title")}
            rows={lines}
            columns={columns}
            rowKey={(l) => l.key}
            open={setChosen}
            search={tableSearch(search)}
            onSearch={(next) =>
              void replace({
                to: "/events",
                search: ({ q, sort, group, hide, only, ...old }) => ({ ...old, ...next }),
              })
            }
            empty={
              <Panel title={t("events.title")}>
                {feed.loaded ? (
                  <Empty title={t("events.none")} how={t("events.noneHow")} />
                ) : (
                  <Text role="status" c="dimmed">
                    {t("common.loading")}
                  </Text>
                )}
              </Panel>
            }
          />
          {feed.loaded && feed.events.length > 0 && (
            <Text size="xs" c="dimmed" className={classes.foot}>
              {t("events.held", { count: feed.events.length })} {feed.more && t("events.older", { most: mostEvents })}
            </Text>
          )}
        </>
      )}
      <EventDetail line={chosen} onClose={() => setChosen(undefined)} />
    </Page>
  );
}
