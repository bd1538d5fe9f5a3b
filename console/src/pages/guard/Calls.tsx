import { Button, Switch, Text } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { type UseQueryResult, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Calls, callList, mostCalls } from "@/api/guard";
import { Empty } from "@/components/Empty";
import { ErrorPanel } from "@/components/ErrorPanel";
import { ButtonLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import { usual } from "@/lib/ages";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import { DataTable } from "@/table/DataTable";
import { tableSearch } from "@/table/state";
import { CallDetail } from "./CallDetail";
import { Filters } from "./Filters";
import { type CallSearch, callSearch, filterOf, narrowing, sinceOf } from "./filter";
import { GuardTabs } from "./GuardTabs";
import classes from "./guard.module.css";
import { useColumns } from "./useColumns";

const every = 10_000;

/** Who did what to which object of which engine: the calls that came to guards, the newest first. */
export function CallsPage() {
  const { t } = useTranslation();
  const replace = useReplace();
  const raw = useSearch({ from: "/guard" });
  const search = useMemo(() => callSearch({ ...raw }), [raw]);
  const table = useMemo(() => tableSearch({ ...raw }), [raw]);
  const tenant = useTenant();
  const client = useQueryClient();
  const options = callList({ tenant, filter: filterOf(search), since: () => sinceOf(search), sinceKey: search.since ?? usual });
  const found = useQuery(options);
  const columns = useColumns();
  const [following, setFollowing] = useState(false);
  useFollow(following, found);
  const set = (next: CallSearch) =>
    void replace({
      to: "/guard",
      search: (old) => ({ tenant: old.tenant, ...tableSearch({ ...old }), ...callSearch({ ...old }), ...next }),
    });
  const narrow = narrowing.some((n) => search[n] !== undefined);
  const rows = found.data?.rows ?? [];
  return (
    <Page title={t("guard.title")} about={t("guard.about")}>
      <GuardTabs here="calls" />
      <Filters search={search} calls={rows} set={set} />
      {found.isError && found.data !== undefined && (
        <ErrorPanel error={found.error} what={t("guard.failed")} retry={() => void found.refetch()} />
      )}
      <Result of={found} what={t("guard.failed")} rows={10}>
        {(calls) => (
          <>
            <DataTable
              id="guard-calls"
              label={t("guard.calls")}
              rows={calls.rows}
              more={calls.more}
              coming={!calls.whole}
              columns={columns}
              rowKey={(c) => c.id}
              open={(c) => set({ call: c.id })}
              search={table}
              onSearch={(next) =>
                void replace({
                  to: "/guard",
                  search: (old) => ({ tenant: old.tenant, ...callSearch({ ...old }), ...next }),
                })
              }
              height="max(20rem, calc(100dvh - 23rem))"
              empty={<Nothing search={search} narrow={narrow} set={set} />}
            />
            <Fresh
              calls={calls}
              busy={found.isFetching}
              following={following}
              follow={setFollowing}
              again={() => void client.resetQueries({ queryKey: options.queryKey, exact: true })}
            />
          </>
        )}
      </Result>
      <CallDetail
        call={search.call === undefined ? undefined : rows.find((c) => c.id === search.call)}
        missing={search.call !== undefined && found.data?.whole === true ? search.call : undefined}
        onClose={() => set({ call: undefined })}
      />
    </Page>
  );
}

/** useFollow reads what is new while somebody looks and wants it: each reading stands in the audit log. */
function useFollow(on: boolean, found: UseQueryResult<Calls>): void {
  const { refetch } = found;
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void refetch({ cancelRefetch: false });
    }, every);
    return () => clearInterval(timer);
  }, [on, refetch]);
}

function Fresh(p: { calls: Calls; busy: boolean; following: boolean; follow: (on: boolean) => void; again: () => void }) {
  const { t } = useTranslation();
  return (
    <div className={classes.fresh}>
      <Switch
        size="xs"
        checked={p.following}
        onChange={(e) => p.follow(e.currentTarget.checked)}
        label={t("guard.follow", { seconds: every / 1000 })}
      />
      <Button
        size="compact-xs"
        variant="default"
        loading={p.busy && !p.following}
        leftSection={<IconRefresh size={13} aria-hidden />}
        onClick={p.again}
      >
        {t("guard.load")}
      </Button>
      <Text size="xs" c="dimmed">
        {t("guard.read")} <Time at={new Date(p.calls.readAt)} /> · {t("guard.recorded")}{" "}
        {p.calls.more && p.calls.whole && t("guard.older", { most: mostCalls })}
      </Text>
    </div>
  );
}

function Nothing({ search, narrow, set }: { search: CallSearch; narrow: boolean; set: (s: CallSearch) => void }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("guard.calls")}>
      <Empty title={t(narrow ? "guard.noneFit" : "guard.none")} how={t(narrow ? "guard.noneFitHow" : "guard.noneHow")}>
        {narrow ? (
          <Button variant="default" size="xs" onClick={() => set(Object.fromEntries(narrowing.map((n) => [n, undefined])))}>
            {t("guard.clear")}
          </Button>
        ) : (
          <ButtonLink to="/guard/enforce" variant="default" size="xs">
            {t("guard.toGuards")}
          </ButtonLink>
        )}
        {search.since !== "30d" && (
          <Button variant="default" size="xs" onClick={() => set({ since: "30d" })}>
            {t("guard.wider")}
          </Button>
        )}
      </Empty>
    </Panel>
  );
}
