import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { recordingList } from "@/api/recordings";
import { CopyCommand } from "@/components/CopyCommand";
import { Empty } from "@/components/Empty";
import { ButtonLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { useReplace } from "@/lib/useReplace";
import { GuardTabs } from "@/pages/guard/GuardTabs";
import { useTenant } from "@/shell/scope";
import { DataTable } from "@/table/DataTable";
import { tableSearch } from "@/table/state";
import { Filters } from "./Filters";
import { sinceOf } from "./filter";
import { useColumns } from "./useColumns";

const initial = { sort: "-ended" };

/** Recorded sessions of exec and attach, as the nodes' audit logs tell of them. */
export function Recordings() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/guard/recordings" });
  const tenant = useTenant();
  const { node, account, container, back } = search;
  const since = useMemo(() => sinceOf(back), [back]);
  const all = useQuery(recordingList({ tenant, node, account, container, since }, back));
  const columns = useColumns();
  return (
    <Page title={t("recordings.title")} about={t("recordings.about")}>
      <GuardTabs here="recordings" />
      <Filters search={search} />
      <Result of={all} what={t("recordings.failed")}>
        {(x) => (
          <DataTable
            id="recordings"
            label={t("recordings.title")}
            rows={x.rows}
            more={x.more}
            columns={columns}
            rowKey={(r) => r.record}
            open={(r) => void navigate({ to: "/guard/recordings/$node/$id", params: { node: r.node, id: r.id } })}
            search={tableSearch({ ...search })}
            onSearch={(next) =>
              void replace({
                to: "/guard/recordings",
                search: ({ q, sort, group, hide, only, ...old }) => ({ ...old, ...next }),
              })
            }
            initial={initial}
            empty={<Nothing narrow={[node, account, container, back].some((f) => f !== undefined)} />}
          />
        )}
      </Result>
      <Text size="xs" c="dimmed">
        {t("recordings.foot")}
      </Text>
    </Page>
  );
}

/** Why there is no recording, and what to do: to look more widely, or to have some made. */
function Nothing({ narrow }: { narrow: boolean }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("recordings.title")}>
      {narrow ? (
        <Empty title={t("recordings.noneFit")} how={t("recordings.noneFitHow")}>
          <ButtonLink to="/guard/recordings" search={(old) => ({ tenant: old.tenant })} variant="default" size="xs">
            {t("recordings.unfiltered")}
          </ButtonLink>
        </Empty>
      ) : (
        <Empty title={t("recordings.none")} how={t("recordings.noneHow")}>
          <CopyCommand text="bulkhead guard keys new recordings.key" label={t("recordings.newKey")} />
          <CopyCommand text={"guard:\n  sessions: {record: always, recipients: [age1…]}"} label={t("recordings.setting")} />
        </Empty>
      )}
    </Panel>
  );
}
