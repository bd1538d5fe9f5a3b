import { SimpleGrid, Text } from "@mantine/core";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import type { All } from "@/api/lists";
import { proposalList } from "@/api/policies";
import { waitingExceptions } from "@/api/proofs";
import { catalogue, eventList, findingList, nodeList, pendingRequests, status, trend } from "@/api/queries";
import { EventLines } from "@/components/EventLines";
import { PageLink } from "@/components/links";
import { NoNode } from "@/components/NoNode";
import { Page, Panel } from "@/components/Page";
import { Picture, Summary } from "@/components/Picture";
import { Result } from "@/components/Result";
import type { Event } from "@/gen/node_pb";
import type { Catalogue, Status } from "@/gen/operations_pb";
import { before } from "@/lib/ages";
import { worstFirst } from "@/lib/events";
import { viewFilter } from "@/lib/findings";
import { useHour } from "@/lib/useNow";
import { useTenant } from "@/shell/scope";
import { AskedExceptions, NewestFindings, OpenFindings, SilentNodes, Waiting } from "./Now";
import classes from "./Overview.module.css";

const TrendChart = lazy(() => import("./TrendChart"));

/** One glance: are we meeting the standard, what got worse since yesterday, what needs me now. */
export function Overview() {
  const { t } = useTranslation();
  const tenant = useTenant();
  const now = useQuery(status(tenant));
  const known = useQuery(catalogue());
  return (
    <Page title={t("overview.title")} about={t("overview.about")}>
      <Result of={now} what={t("overview.failed")} rows={8}>
        {(s) =>
          s.nodes.length === 0 ? (
            <Panel title={t("overview.picture")}>
              <NoNode />
            </Panel>
          ) : (
            <Result of={known} what={t("overview.failed")}>
              {(c) => <Standing s={s} c={c} />}
            </Result>
          )
        }
      </Result>
    </Page>
  );
}

function Standing({ s, c }: { s: Status; c: Catalogue }) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const yesterday = before("24h", useHour());
  const worse = useQuery(eventList(tenant, { kind: "status", worse: true, since: yesterday }, 50));
  const course = useQuery(trend(tenant, 7));
  const silent = useQuery(nodeList(tenant, 'health = "silent"'));
  const newest = useQuery(findingList(tenant, viewFilter("new", ""), 8));
  const waiting = useQuery(pendingRequests(tenant));
  const proposed = useQuery(proposalList(tenant, 'state = "pending"'));
  const asked = useQuery(waitingExceptions(tenant));
  const met = (s.summary.met ?? 0) + (s.summary.not_applicable ?? 0);
  return (
    <>
      <div className={classes.top}>
        <Panel
          title={t("overview.picture")}
          className={classes.picture}
          aside={
            <Text size="xs" c="dimmed">
              {t("overview.nodes", { count: s.nodes.length })}
            </Text>
          }
        >
          <Text className={classes.verdict}>{t("overview.verdict", { met, all: s.requirements.length })}</Text>
          <Summary counts={s.summary} />
          <div className={classes.tiles}>
            <Picture tiles={s.requirements} sections={c.sections} />
          </div>
        </Panel>
        <div className={classes.side}>
          <Panel title={t("overview.now")} flush>
            <SilentNodes of={silent} />
            <AskedExceptions of={asked} />
            <Waiting of={waiting} proposed={proposed.data?.rows ?? []} quiet={(asked.data?.rows.length ?? 0) > 0} />
            <OpenFindings tenant={tenant} />
          </Panel>
          <Worse of={worse} />
          <Panel title={t("overview.trend")}>
            <Result of={course} what={t("overview.trendFailed")}>
              {(x) => (
                <Suspense fallback={<div className={classes.chart} />}>
                  <TrendChart points={x.points} />
                </Suspense>
              )}
            </Result>
          </Panel>
        </div>
      </div>
      <SimpleGrid cols={1}>
        <Panel
          title={t("overview.findings")}
          flush
          aside={
            <PageLink to="/findings" size="sm">
              {t("overview.allFindings")}
            </PageLink>
          }
        >
          <NewestFindings of={newest} />
        </Panel>
      </SimpleGrid>
    </>
  );
}

const worst = 8;

/** What got worse, the worst first; the page of events has the rest among all that changed. */
function Worse({ of }: { of: UseQueryResult<All<Event>> }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("overview.worse")} flush>
      <Result of={of} what={t("overview.worseFailed")}>
        {({ rows, more }) =>
          rows.length === 0 ? (
            <Text p="md" c="dimmed">
              {t("overview.notWorse")}
            </Text>
          ) : (
            <>
              <EventLines events={worstFirst(rows).slice(0, worst)} />
              <div className={classes.line}>
                <PageLink to="/events" search={{ kind: "status", range: "24h" }}>
                  {rows.length > worst
                    ? t("overview.allWorse", { many: `${rows.length}${more ? "+" : ""}` })
                    : t("overview.allChanges")}
                </PageLink>
              </div>
            </>
          )
        }
      </Result>
    </Panel>
  );
}
