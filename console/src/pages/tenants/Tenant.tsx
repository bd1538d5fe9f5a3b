import { Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { tenants } from "@/api/clients";
import { groupList, poolList, tenantCounts, tenantOne, tokenList, useMay } from "@/api/directory";
import { Confirm } from "@/components/Confirm";
import { PageLink } from "@/components/links";
import { MayButton } from "@/components/MayButton";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { Tenant } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { EditTenant } from "./Edit";

/** One tenant: what it is, and how much is in it. */
export function TenantPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/tenants/$id" });
  const one = useQuery(tenantOne(id));
  return (
    <Result of={one} what={t("directory.tenantFailed")} rows={6} page>
      {(r) => <One r={r} />}
    </Result>
  );
}

function One({ r }: { r: Tenant }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const may = useMay("Tenant", r.id);
  const [changing, setChanging] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const labels = Object.entries(r.labels).map(([k, v]) => plain(`${k}=${v}`));
  return (
    <Page
      title={plain(r.name || r.id)}
      about={r.id === "system" ? t("directory.systemHow") : t("directory.tenantHow")}
      actions={
        <>
          <MayButton size="xs" may={may("TenantUpdate")} action="TenantUpdate" onClick={() => setChanging(true)}>
            {t("directory.change")}
          </MayButton>
          {r.id !== "system" && (
            <MayButton
              size="xs"
              variant="default"
              may={may("TenantDelete")}
              action="TenantDelete"
              onClick={() => setDeleting(true)}
            >
              {t("directory.deleteTenant")}
            </MayButton>
          )}
        </>
      }
    >
      <Panel title={t("directory.inIt")}>
        <Inside id={r.id} />
      </Panel>
      <Panel title={t("directory.aboutTenant")}>
        <Facts
          of={[
            [t("directory.tenantId"), r.id],
            [t("directory.tenantName"), plain(r.name)],
            [t("directory.labels"), labels.join(", ") || t("table.none")],
            [t("directory.created"), r.created === undefined ? "–" : <Time key="c" at={r.created} full />],
          ]}
        />
      </Panel>
      {changing && <EditTenant of={r} onClose={() => setChanging(false)} />}
      <Confirm
        opened={deleting}
        onClose={() => setDeleting(false)}
        title={t("directory.deleteTenantAsk", { name: plain(r.name || r.id) })}
        action={t("directory.deleteTenant")}
        what={t("directory.nothingChanged")}
        danger
        type={r.id}
        preview={
          <Stack gap="sm">
            <Text>{t("directory.deleteTenantPreview")}</Text>
            <Inside id={r.id} />
            <Text c="dimmed">{t("directory.recordsStay")}</Text>
          </Stack>
        }
        work={async () => {
          await tenants.deleteTenant({ id: r.id });
          await client.invalidateQueries({ queryKey: ["Tenant", "list"], refetchType: "all" }); // so that it is not seen in the list again
          await navigate({ to: "/tenants", search: { tenant: undefined } });
          await client.invalidateQueries();
        }}
      />
    </Page>
  );
}

/** How much is in a tenant, each with the way to it. */
function Inside({ id }: { id: string }) {
  const { t } = useTranslation();
  const counts = useQuery(tenantCounts(id));
  const groups = useQuery(groupList(id));
  const tokens = useQuery(tokenList(id));
  const pools = useQuery(poolList(id));
  return (
    <Result of={counts} what={t("directory.countsFailed")} rows={2}>
      {(all) => {
        const c = all.get(id);
        const live = tokens.data?.rows.filter((k) => !k.revoked).length;
        const policies = c?.policies ?? 0n;
        return (
          <Facts
            of={[
              [
                t("directory.users"),
                <PageLink key="u" to="/users" search={{ tenant: id }}>
                  {c?.users ?? 0}
                </PageLink>,
              ],
              [
                t("directory.groups"),
                <PageLink key="g" to="/groups" search={{ tenant: id }}>
                  {groups.data?.rows.length ?? "…"}
                </PageLink>,
              ],
              [
                t("directory.tokens"),
                <PageLink key="t" to="/tokens" search={{ tenant: id }}>
                  {live ?? "…"}
                </PageLink>,
              ],
              [
                t("directory.nodes"),
                <PageLink key="n" to="/nodes" search={{ tenant: id }}>
                  {c?.nodes ?? 0}
                </PageLink>,
              ],
              [
                t("pools.title"),
                <PageLink key="p" to="/pools" search={{ tenant: id }}>
                  {pools.data?.rows.length ?? "…"}
                </PageLink>,
              ],
              [t("directory.policiesVersion"), policies === 0n ? t("directory.shippedOnly") : String(policies)],
            ]}
          />
        );
      }}
    </Result>
  );
}
