import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { groupList, useHome, useMay, userList } from "@/api/directory";
import { Empty } from "@/components/Empty";
import { PageLink } from "@/components/links";
import { MayButton } from "@/components/MayButton";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Group } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { isRole } from "../users/people";
import { EditGroup } from "./Edit";

/** Groups: what members get. */
export function Groups() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/groups" });
  const tenant = useTenant();
  const home = useHome(tenant);
  const may = useMay("Tenant", home);
  const all = useQuery(groupList(tenant));
  const people = useQuery(userList(tenant));
  const [making, setMaking] = useState(false);
  const members = useMemo(() => {
    const out = new Map<string, number>();
    for (const u of people.data?.rows ?? []) for (const g of u.groups) out.set(g, (out.get(g) ?? 0) + 1);
    return out;
  }, [people.data]);
  const columns = useMemo(
    (): Column<Group>[] => [
      {
        id: "name",
        header: t("directory.groupName"),
        value: (g) => plain(g.name),
        cell: (g) => (
          <PageLink to="/groups/$id" params={{ id: g.id }} title={plain(g.name)}>
            {plain(g.name)}
          </PageLink>
        ),
        min: 160,
        grow: 2,
      },
      {
        id: "roles",
        header: t("directory.roles"),
        value: (g) => g.roles.map((r) => (isRole(r) ? t(`directory.role.${r}`) : r)).join(", "),
        few: true,
        min: 150,
        grow: 1.5,
      },
      { id: "hosts", header: t("directory.hosts"), value: (g) => g.hosts.length, min: 80, grow: 0.6 },
      {
        id: "members",
        header: t("directory.members"),
        value: (g) => members.get(g.id) ?? 0,
        min: 90,
        grow: 0.6,
      },
      { id: "tenant", header: t("directory.tenant"), value: (g) => g.tenant, few: true, hidden: tenant !== "", min: 100 },
      {
        id: "created",
        header: t("directory.created"),
        ...moment((g: Group) => g.created),
        min: 120,
      },
    ],
    [t, members, tenant],
  );
  const make = (
    <MayButton may={may("GroupCreate")} action="GroupCreate" onClick={() => setMaking(true)}>
      {t("directory.makeGroup")}
    </MayButton>
  );
  return (
    <Page title={t("directory.groups")} about={t("directory.groupsAbout")} actions={make}>
      <Result of={all} what={t("directory.groupsFailed")} rows={8}>
        {({ rows, more }) => (
          <DataTable
            id="groups"
            label={t("directory.groups")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(g) => g.id}
            open={(g) => void navigate({ to: "/groups/$id", params: { id: g.id } })}
            search={search}
            onSearch={(next) => void replace({ to: "/groups", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={
              <Panel title={t("directory.groups")}>
                <Empty title={t("directory.noGroups")} how={t("directory.noGroupsHow")} />
              </Panel>
            }
          />
        )}
      </Result>
      {making && <EditGroup tenant={home} choose={tenant === ""} onClose={() => setMaking(false)} />}
    </Page>
  );
}
