import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { tenantList } from "@/api/queries";

/** In which tenant something is made, for those who may see more than one. */
export function TenantChoice({ tenant, set }: { tenant: string; set: (tenant: string) => void }) {
  const { t } = useTranslation();
  const all = useQuery(tenantList()).data?.rows ?? [];
  if (all.length < 2) return null;
  return (
    <NativeSelect
      label={t("directory.tenant")}
      value={tenant}
      onChange={(e) => set(e.currentTarget.value)}
      data={all.map((r) => r.id)}
    />
  );
}
