import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { tenantCounts, useMay } from "@/api/directory";
import { tenantList } from "@/api/queries";
import { Empty } from "@/components/Empty";
import { PageLink } from "@/components/links";
import { MayButton } from "@/components/MayButton";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { Tenant } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";
import { useReplace } from "@/lib/useReplace";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { EditTenant } from "./Edit";

const installation = "bulkhead"; // the only id of a System

/** Tenants, and how much is in each. */
export function Tenants() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/tenants" });
  const may = useMay("System", installation);
  const all = useQuery(tenantList());
  const counts = useQuery(tenantCounts(""));
  const [making, setMaking] = useState(false);
  const columns = useMemo((): Column<Tenant>[] => {
    const of = (r: Tenant) => counts.data?.get(r.id);
    return [
      {
        id: "id",
        header: t("directory.tenantId"),
        value: (r) => r.id,
        cell: (r) => (
          <PageLink to="/tenants/$id" params={{ id: r.id }} title={r.id}>
            {r.id}
          </PageLink>
        ),
        min: 120,
        grow: 1.2,
      },
      { id: "name", header: t("directory.tenantName"), value: (r) => plain(r.name), min: 140, grow: 1.6 },
      {
        id: "users",
        header: t("directory.users"),
        value: (r) => (counts.data === undefined ? undefined : (of(r)?.users ?? 0)),
        min: 80,
        grow: 0.6,
      },
      {
        id: "nodes",
        header: t("directory.nodes"),
        value: (r) => (counts.data === undefined ? undefined : (of(r)?.nodes ?? 0)),
        min: 80,
        grow: 0.6,
      },
      {
        id: "policies",
        header: t("directory.policiesVersion"),
        value: (r) => (counts.data === undefined ? undefined : Number(of(r)?.policies ?? 0n)),
        cell: (r) => policiesWord(of(r)?.policies, counts.data !== undefined, t("directory.shippedOnly")),
        min: 120,
      },
      {
        id: "labels",
        header: t("directory.labels"),
        value: (r) =>
          Object.entries(r.labels)
            .map(([k, v]) => plain(`${k}=${v}`))
            .join(", "),
        min: 130,
        grow: 1.4,
      },
      {
        id: "created",
        header: t("directory.created"),
        value: (r) => dateOf(r.created),
        cell: (r) => (r.created === undefined ? "–" : <Time at={r.created} />),
        min: 120,
      },
    ];
  }, [t, counts.data]);
  return (
    <Page
      title={t("directory.tenants")}
      about={t("directory.tenantsAbout")}
      actions={
        <MayButton may={may("TenantCreate")} action="TenantCreate" onClick={() => setMaking(true)}>
          {t("directory.makeTenant")}
        </MayButton>
      }
    >
      <Result of={all} what={t("directory.tenantsFailed")} rows={6}>
        {({ rows, more }) => (
          <DataTable
            id="tenants"
            label={t("directory.tenants")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(r) => r.id}
            open={(r) => void navigate({ to: "/tenants/$id", params: { id: r.id } })}
            search={search}
            onSearch={(next) => void replace({ to: "/tenants", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={
              <Panel title={t("directory.tenants")}>
                <Empty title={t("directory.noTenants")} how={t("directory.noTenantsHow")} />
              </Panel>
            }
          />
        )}
      </Result>
      {making && <EditTenant onClose={() => setMaking(false)} />}
    </Page>
  );
}

function policiesWord(version: bigint | undefined, known: boolean, shipped: string): string {
  if (!known) return "";
  return version === undefined || version === 0n ? shipped : String(version);
}
