import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { tenantList } from "@/api/queries";
import type { Caller } from "@/gen/auth_pb";
import { useTenant } from "./scope";

/** Which tenant the pages are about. Only callers of the provider's tenant have a choice. */
export function ScopeChooser({ caller }: { caller: Caller | undefined }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const tenant = useTenant();
  const all = useQuery({ ...tenantList(), enabled: caller?.tenant === "system" });
  if (caller === undefined || caller.tenant !== "system") return null;
  const ids = (all.data?.rows ?? []).map((r) => ({
    value: r.id,
    label: r.name === "" || r.name === r.id ? r.id : `${r.name} (${r.id})`,
  }));
  if (tenant !== "" && !ids.some((i) => i.value === tenant)) ids.push({ value: tenant, label: tenant });
  return (
    <NativeSelect
      size="xs"
      w={{ base: 110, sm: 170 }}
      aria-label={t("shell.scope")}
      value={tenant}
      onChange={(e) => {
        const chosen = e.currentTarget.value;
        void navigate({ to: ".", search: (s) => ({ ...s, tenant: chosen === "" ? undefined : chosen }) });
      }}
      data={[{ value: "", label: t("shell.allTenants") }, ...ids]}
    />
  );
}
