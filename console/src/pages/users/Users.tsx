import { Button } from "@mantine/core";
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
import { Pill } from "@/components/StatusBadge";
import type { User } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { Invite } from "./Invite";
import { isRole, stateOf, states, toneOfState } from "./people";

/** People who can sign in. */
export function Users() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/users" });
  const tenant = useTenant();
  const home = useHome(tenant);
  const may = useMay("Tenant", home);
  const all = useQuery(userList(tenant));
  const groups = useQuery(groupList(tenant));
  const [inviting, setInviting] = useState(false);
  const names = useMemo(() => new Map((groups.data?.rows ?? []).map((g) => [g.id, plain(g.name)])), [groups.data]);
  const columns = useMemo(
    (): Column<User>[] => [
      {
        id: "name",
        header: t("directory.name"),
        value: (u) => u.name,
        cell: (u) => (
          <PageLink to="/users/$id" params={{ id: u.id }} title={u.name}>
            {u.name}
          </PageLink>
        ),
        min: 140,
        grow: 1.2,
      },
      { id: "display", header: t("directory.displayName"), value: (u) => plain(u.displayName), min: 120, grow: 1.2 },
      {
        id: "state",
        header: t("directory.state"),
        value: stateOf,
        cell: (u) => <StateBadge u={u} />,
        word: (v) => t(`directory.userState.${v as "active"}`),
        order: states,
        few: true,
        min: 110,
      },
      {
        id: "roles",
        header: t("directory.roles"),
        value: (u) => u.roles.join(", "),
        cell: (u) => {
          const words = u.roles.map((r) => (isRole(r) ? t(`directory.role.${r}`) : r)).join(", ");
          return <span title={words}>{words}</span>;
        },
        word: (v) =>
          v
            .split(", ")
            .map((r) => (isRole(r) ? t(`directory.role.${r}`) : r))
            .join(", "),
        few: true,
        min: 130,
        grow: 1.2,
      },
      {
        id: "groups",
        header: t("directory.groups"),
        value: (u) => u.groups.map((g) => names.get(g) ?? g).join(", "),
        few: true,
        min: 120,
      },
      {
        id: "factor",
        header: t("directory.factor"),
        value: (u) => (u.hasFactor ? "yes" : "no"),
        cell: (u) => t(`directory.hasFactor.${u.hasFactor ? "yes" : "no"}`),
        word: (v) => t(`directory.hasFactor.${v as "yes"}`),
        few: true,
        min: 110,
      },
      { id: "tenant", header: t("directory.tenant"), value: (u) => u.tenant, few: true, hidden: tenant !== "", min: 100 },
      { id: "email", header: t("directory.email"), value: (u) => u.email, hidden: true, min: 160 },
      { id: "hosts", header: t("directory.hosts"), value: (u) => u.hosts.length, hidden: true, min: 80 },
      {
        id: "seen",
        header: t("directory.lastSignIn"),
        ...moment((u: User) => u.lastSignIn),
        min: 120,
      },
    ],
    [t, names, tenant],
  );
  const invite = (
    <MayButton may={may("UserCreate")} action="UserCreate" onClick={() => setInviting(true)}>
      {t("directory.invite")}
    </MayButton>
  );
  return (
    <Page title={t("directory.users")} about={t("directory.usersAbout")} actions={invite}>
      <Result of={all} what={t("directory.usersFailed")} rows={10}>
        {({ rows, more }) => (
          <DataTable
            id="users"
            label={t("directory.users")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(u) => u.id}
            open={(u) => void navigate({ to: "/users/$id", params: { id: u.id } })}
            search={search}
            onSearch={(next) => void replace({ to: "/users", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={
              <Panel title={t("directory.users")}>
                <Empty title={t("directory.noUsers")} how={t("directory.noUsersHow")}>
                  {may("UserCreate") && <Button onClick={() => setInviting(true)}>{t("directory.invite")}</Button>}
                </Empty>
              </Panel>
            }
          />
        )}
      </Result>
      {inviting && <Invite tenant={home} choose={tenant === ""} onClose={() => setInviting(false)} />}
    </Page>
  );
}

export function StateBadge({ u }: { u: User }) {
  const { t } = useTranslation();
  const s = stateOf(u);
  return <Pill tone={toneOfState[s]} word={t(`directory.userState.${s}`)} />;
}
