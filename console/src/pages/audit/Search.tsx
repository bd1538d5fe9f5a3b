import { Button, Text } from "@mantine/core";
import { IconRefresh, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { mostPages, pageSize, recordPages } from "@/api/audit";
import { useChangedSince } from "@/api/changes";
import { Empty } from "@/components/Empty";
import { ErrorPanel } from "@/components/ErrorPanel";
import { ButtonLink, PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import { usual } from "@/lib/ages";
import { zoneName } from "@/lib/time";
import { useTenant } from "@/shell/scope";
import { AuditTabs } from "./AuditTabs";
import classes from "./audit.module.css";
import { Filters } from "./Filters";
import { type AuditSearch, auditSearch, filterOf, rangeOf } from "./filter";
import { GlassNotice } from "./GlassNotice";
import { RecordList } from "./RecordList";

const views: { name: "all" | "refused" | "signIns" | "policies" | "glass" | "problems" | "reads"; search: AuditSearch }[] = [
  { name: "all", search: {} },
  { name: "refused", search: { outcome: "refused" } },
  { name: "signIns", search: { action: "SignIn" } },
  { name: "policies", search: { action: "PolicyApply", since: "30d" } },
  { name: "glass", search: { action: "BreakGlassOpened", since: "30d" } },
  { name: "problems", search: { action: "AuditProblemFound", since: "30d" } },
  { name: "reads", search: { action: "AuditRead" } },
];

/** Who did what: the audit log, the newest first, as far as somebody asks for it. */
export function AuditPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const raw = useSearch({ from: "/audit" });
  const search = useMemo(() => auditSearch(raw as Record<string, unknown>), [raw]);
  const apply = (s: AuditSearch) => void navigate({ to: "/audit", search: (old) => ({ tenant: old.tenant, ...s }) });
  return (
    <Page title={t("audit.title")} about={t("audit.about")}>
      <AuditTabs here="search" search={search} />
      <GlassNotice />
      <Panel title={t("audit.form")}>
        <nav className={classes.views} aria-label={t("audit.views")} style={{ marginBottom: "0.75rem" }}>
          {views.map((v) => (
            <PageLink
              key={v.name}
              to="/audit"
              search={(old) => ({ tenant: old.tenant, ...v.search })}
              className={classes.view}
              underline="never"
              activeOptions={{ exact: true }}
            >
              {t(`audit.view.${v.name}`)}
            </PageLink>
          ))}
        </nav>
        <Filters
          search={search}
          apply={apply}
          clear={() => apply({})}
          action={t("audit.search")}
          icon={<IconSearch size={15} aria-hidden />}
        />
      </Panel>
      <Found search={search} apply={apply} />
    </Page>
  );
}

function Found({ search, apply }: { search: AuditSearch; apply: (s: AuditSearch) => void }) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const client = useQueryClient();
  const options = recordPages({
    tenant,
    filter: filterOf(search),
    range: () => rangeOf(search, new Date()),
    rangeKey: `${search.since ?? usual} ${search.until ?? ""}`,
  });
  const found = useInfiniteQuery(options);
  const first = found.data?.pages[0];
  const changed = useChangedSince(first?.readAt ?? Number.POSITIVE_INFINITY) && search.until === undefined;
  const again = () => void client.resetQueries({ queryKey: options.queryKey, exact: true });
  return (
    <Panel
      title={t("audit.records")}
      flush
      aside={
        first !== undefined && (
          <div className={classes.fresh}>
            <Text size="xs" c="dimmed" role="status">
              {changed ? t("audit.newer") : t("audit.read")} {!changed && <Time at={new Date(first.readAt)} />}
            </Text>
            <Button
              size="compact-xs"
              variant={changed ? "light" : "default"}
              leftSection={<IconRefresh size={13} aria-hidden />}
              onClick={again}
            >
              {t("audit.load")}
            </Button>
          </div>
        )
      }
    >
      <Result of={found} what={t("audit.failed")} rows={10}>
        {({ pages }) => {
          const records = pages.flatMap((p) => p.records);
          if (records.length === 0) return <Nothing search={search} apply={apply} />;
          return (
            <>
              <RecordList records={records} />
              {found.isFetchNextPageError && (
                <ErrorPanel error={found.error} what={t("audit.failed")} retry={() => void found.fetchNextPage()} />
              )}
              <div className={classes.foot}>
                <Text size="xs" c="dimmed" role="status">
                  {t("audit.shown", { count: records.length, zone: zoneName() })}{" "}
                  {found.hasNextPage || pages.at(-1)?.next === "" ? "" : t("audit.bound")}
                </Text>
                {found.hasNextPage && (
                  <Button size="xs" variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                    {t("audit.more", { count: pageSize })}
                  </Button>
                )}
                {pages.length >= mostPages && pages.at(-1)?.next !== "" && (
                  <ButtonLink to="/audit/export" search={(old) => ({ ...old })} size="xs" variant="default">
                    {t("audit.toExport")}
                  </ButtonLink>
                )}
              </div>
            </>
          );
        }}
      </Result>
    </Panel>
  );
}

function Nothing({ search, apply }: { search: AuditSearch; apply: (s: AuditSearch) => void }) {
  const { t } = useTranslation();
  return (
    <Empty title={t("audit.none")} how={t("audit.noneHow")}>
      {search.since !== "30d" && search.since !== "all" && (
        <Button variant="default" size="xs" onClick={() => apply({ ...search, since: "30d", until: undefined })}>
          {t("audit.wider")}
        </Button>
      )}
    </Empty>
  );
}
