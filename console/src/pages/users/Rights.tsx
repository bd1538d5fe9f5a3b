import { Checkbox, MultiSelect, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { groupList } from "@/api/directory";
import { me, nodeList } from "@/api/queries";
import { plain } from "@/lib/plain";
import { difference, isRole, mayGive, rolesIn } from "./people";

export interface Given {
  roles: string[];
  groups: string[];
  hosts: string[];
}

/** Roles, groups and hosts to choose from: what the caller can't hand out is there, and says so. */
export function RightsForm(p: { tenant: string; value: Given; set: (g: Given) => void; groups?: boolean }) {
  const { t } = useTranslation();
  const caller = useQuery(me());
  const groups = useQuery({ ...groupList(p.tenant), enabled: p.groups !== false });
  const nodes = useQuery(nodeList(p.tenant));
  const known = (nodes.data?.rows ?? []).map((n) => ({ value: n.id, label: n.name }));
  for (const h of p.value.hosts) if (!known.some((k) => k.value === h)) known.push({ value: h, label: h });
  return (
    <Stack gap="sm">
      <Checkbox.Group label={t("directory.roles")} value={p.value.roles} onChange={(roles) => p.set({ ...p.value, roles })}>
        <Stack gap={6} mt={6}>
          {rolesIn(p.tenant).map((r) => {
            const may = mayGive(caller.data, p.tenant, r) || p.value.roles.includes(r);
            return (
              <Checkbox
                key={r}
                value={r}
                label={t(`directory.role.${r}`)}
                description={may ? t(`directory.roleHow.${r}`) : t("directory.roleNotYours")}
                disabled={!may}
              />
            );
          })}
        </Stack>
      </Checkbox.Group>
      {p.groups !== false && (
        <MultiSelect
          label={t("directory.groups")}
          description={t("directory.groupsHow")}
          data={(groups.data?.rows ?? []).map((g) => ({ value: g.id, label: plain(g.name) }))}
          value={p.value.groups}
          onChange={(v) => p.set({ ...p.value, groups: v })}
          searchable
          limit={100}
          hidePickedOptions
          nothingFoundMessage={t("directory.noneFound")}
        />
      )}
      {(p.value.roles.includes("operator") || p.value.roles.includes("node") || p.value.hosts.length > 0) && (
        <MultiSelect
          label={t("directory.hosts")}
          description={t("directory.hostsHow")}
          data={known}
          value={p.value.hosts}
          onChange={(hosts) => p.set({ ...p.value, hosts })}
          searchable
          limit={100}
          hidePickedOptions
          nothingFoundMessage={t("directory.noneFound")}
        />
      )}
    </Stack>
  );
}

/** What a change of rights gives and takes, in words. */
export function RightsDifference(p: { before: Given; after: Given; nameOf: (id: string) => string }) {
  const { t } = useTranslation();
  const word = (r: string) => (isRole(r) ? t(`directory.role.${r}`) : r);
  const parts = [
    { name: t("directory.roles"), ...difference(p.before.roles, p.after.roles), word },
    { name: t("directory.groups"), ...difference(p.before.groups, p.after.groups), word: p.nameOf },
    { name: t("directory.hosts"), ...difference(p.before.hosts, p.after.hosts), word: p.nameOf },
  ];
  const lines = parts.flatMap(({ name, gains, loses, word: say }) => [
    ...gains.map((g) => ({ key: `+${name}${g}`, text: t("directory.gains", { what: name, name: plain(say(g)) }) })),
    ...loses.map((l) => ({ key: `-${name}${l}`, text: t("directory.loses", { what: name, name: plain(say(l)) }) })),
  ]);
  return (
    <div role="status">
      {lines.length === 0 ? (
        <Text c="dimmed">{t("directory.noChange")}</Text>
      ) : (
        <>
          <Text fw={600}>{t("directory.willChange")}</Text>
          <ul style={{ margin: "0.25rem 0 0", paddingInlineStart: "1.25rem" }}>
            {lines.map((l) => (
              <li key={l.key}>{l.text}</li>
            ))}
          </ul>
          <Text size="sm" c="dimmed" mt={4}>
            {t("directory.atOnce")}
          </Text>
        </>
      )}
    </div>
  );
}
