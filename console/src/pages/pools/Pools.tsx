import { Stack, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { poolList, pools, rolloutList, useHome, useMay } from "@/api/directory";
import { Confirm } from "@/components/Confirm";
import { Empty } from "@/components/Empty";
import { PageLink } from "@/components/links";
import { MayButton } from "@/components/MayButton";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { TenantChoice } from "@/components/TenantChoice";
import { Time } from "@/components/Time";
import type { Pool, Rollout } from "@/gen/fleet_pb";
import { plain } from "@/lib/plain";
import { secondsOf, spanWords } from "@/lib/span";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { RolloutBadge, rolloutStates } from "./Rollouts";
import { soonest } from "./windows";

export const collectOf = (p: Pool): number => secondsOf(p.settings?.collectEvery) || 30;

/** Pools: nodes with the same settings, and what is on its way to them. */
export function Pools() {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/pools" });
  const tenant = useTenant();
  const home = useHome(tenant);
  const may = useMay("Tenant", home);
  const all = useQuery(poolList(tenant));
  const rollouts = useQuery(rolloutList(tenant));
  const [making, setMaking] = useState(false);
  const newest = useMemo(() => {
    const out = new Map<string, Rollout>();
    for (const r of rollouts.data?.rows ?? []) if (!out.has(r.pool)) out.set(r.pool, r);
    return out;
  }, [rollouts.data]);
  const columns = useMemo(
    (): Column<Pool>[] => [
      {
        id: "name",
        header: t("pools.name"),
        value: (p) => p.name,
        cell: (p) => (
          <PageLink to="/pools/$tenant/$name" params={{ tenant: p.tenant, name: p.name }} title={p.id}>
            {p.name}
          </PageLink>
        ),
        min: 130,
        grow: 1.2,
      },
      { id: "tenant", header: t("directory.tenant"), value: (p) => p.tenant, few: true, hidden: tenant !== "", min: 100 },
      { id: "nodes", header: t("directory.nodes"), value: (p) => p.nodes, min: 70, grow: 0.5 },
      {
        id: "rollout",
        header: t("pools.lastRollout"),
        value: (p) => newest.get(p.id)?.state ?? "",
        cell: (p) => {
          const r = newest.get(p.id);
          return r === undefined ? (
            <Text span c="dimmed">
              {t("table.none")}
            </Text>
          ) : (
            <RolloutBadge state={r.state} />
          );
        },
        word: (v) => (v === "" ? t("table.none") : t(`pools.rolloutState.${v as "done"}`)),
        order: ["halted", "running", "waiting", ...rolloutStates, ""],
        few: true,
        min: 120,
      },
      {
        id: "collect",
        header: t("pools.collect"),
        value: collectOf,
        cell: (p) => spanWords(collectOf(p), i18n.language),
        min: 120,
      },
      {
        id: "window",
        header: t("pools.nextWindow"),
        value: (p) => soonest(p),
        cell: (p) => {
          const next = soonest(p);
          return next === undefined ? (
            <Text span c="dimmed">
              {t("pools.always")}
            </Text>
          ) : (
            <Time at={next} />
          );
        },
        min: 120,
      },
      { id: "description", header: t("pools.description"), value: (p) => plain(p.description), min: 150, grow: 2 },
    ],
    [t, i18n.language, newest, tenant],
  );
  return (
    <Page
      title={t("pools.title")}
      about={t("pools.about")}
      actions={
        <MayButton may={may("PoolCreate")} action="PoolCreate" onClick={() => setMaking(true)}>
          {t("pools.make")}
        </MayButton>
      }
    >
      <Result of={all} what={t("pools.listFailed")} rows={6}>
        {({ rows, more }) => (
          <DataTable
            id="pools"
            label={t("pools.title")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(p) => p.id}
            open={(p) => void navigate({ to: "/pools/$tenant/$name", params: { tenant: p.tenant, name: p.name } })}
            search={search}
            onSearch={(next) => void replace({ to: "/pools", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={
              <Panel title={t("pools.title")}>
                <Empty title={t("pools.none")} how={t("pools.noneHow")} />
              </Panel>
            }
          />
        )}
      </Result>
      {making && <Make tenant={home} choose={tenant === ""} onClose={() => setMaking(false)} />}
    </Page>
  );
}

const isPoolName = (s: string) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(s);

/** Makes a pool, whose settings are then changed on its page. */
function Make(p: { tenant: string; choose: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [tenant, setTenant] = useState(p.tenant);
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  return (
    <Confirm
      opened
      onClose={p.onClose}
      title={t("pools.make")}
      action={t("pools.make")}
      what={t("directory.nothingChanged")}
      disabled={!isPoolName(name)}
      work={async () => {
        await pools.createPool({ pool: { tenant, name, description } });
        await client.invalidateQueries({ queryKey: ["Pool"] });
        await navigate({ to: "/pools/$tenant/$name", params: { tenant, name } });
      }}
      preview={
        <Stack gap="sm">
          <Text>{t("pools.makePreview")}</Text>
          {p.choose && <TenantChoice tenant={tenant} set={setTenant} />}
          <TextInput
            label={t("pools.name")}
            description={t("pools.nameHow")}
            error={name !== "" && !isPoolName(name) ? t("pools.nameWrong") : undefined}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
            maxLength={63}
            data-autofocus
          />
          <TextInput
            label={t("pools.description")}
            value={description}
            onChange={(e) => setDescription(e.currentTarget.value)}
            maxLength={500}
          />
        </Stack>
      }
    />
  );
}
