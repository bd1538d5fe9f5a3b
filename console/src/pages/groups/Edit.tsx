import { Stack, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { groups } from "@/api/directory";
import { nodeList } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { TenantChoice } from "@/components/TenantChoice";
import type { Group } from "@/gen/directory_pb";
import { difference } from "../users/people";
import { RightsDifference, RightsForm } from "../users/Rights";

/** Makes a group, or changes one, with what that gives and takes. */
export function EditGroup(p: { tenant: string; choose?: boolean; of?: Group; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [tenant, setTenant] = useState(p.tenant);
  const nodes = useQuery(nodeList(tenant));
  const [name, setName] = useState(p.of?.name ?? "");
  const before = { roles: p.of?.roles ?? [], groups: [], hosts: p.of?.hosts ?? [] };
  const [given, setGiven] = useState(before);
  const differs = (a: string[], b: string[]) => {
    const { gains, loses } = difference(a, b);
    return gains.length + loses.length > 0;
  };
  const paths = [
    name !== p.of?.name && "name",
    differs(before.roles, given.roles) && "roles",
    differs(before.hosts, given.hosts) && "hosts",
  ].filter((x) => x !== false);
  return (
    <Confirm
      opened
      onClose={p.onClose}
      title={p.of === undefined ? t("directory.makeGroup") : t("directory.changeTitle", { name: p.of.name })}
      action={p.of === undefined ? t("directory.makeGroup") : t("directory.save")}
      what={t("directory.nothingChanged")}
      disabled={name.trim() === "" || paths.length === 0}
      work={async () => {
        if (p.of === undefined) await groups.createGroup({ group: { tenant, name, roles: given.roles, hosts: given.hosts } });
        else {
          const group = { ...p.of, name, roles: given.roles, hosts: given.hosts };
          await groups.updateGroup({ group, updateMask: { paths } });
        }
        await Promise.all(["Group", "User"].map((kind) => client.invalidateQueries({ queryKey: [kind] })));
      }}
      preview={
        <Stack gap="sm">
          <Text>{t("directory.groupPreview")}</Text>
          {p.choose && <TenantChoice tenant={tenant} set={setTenant} />}
          <TextInput
            label={t("directory.groupName")}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            required
            maxLength={100}
            data-autofocus
          />
          <RightsForm tenant={tenant} value={given} set={(g) => setGiven({ ...g, groups: [] })} groups={false} />
          <RightsDifference before={before} after={given} nameOf={(id) => nodes.data?.rows.find((n) => n.id === id)?.name ?? id} />
        </Stack>
      }
    />
  );
}
