import { Button, Menu, Stack, Text, TextInput } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { users } from "@/api/clients";
import { groupList, tokenList, useMay, userSessions } from "@/api/directory";
import { nodeList } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { MayButton, MayItem } from "@/components/MayButton";
import type { CreateUserResponse, User } from "@/gen/directory_pb";
import { Link } from "./Invite";
import { difference } from "./people";
import { RightsDifference, RightsForm } from "./Rights";

type Action = "invite" | "disable" | "enable" | "sessions" | "delete";

const needs = {
  invite: "UserInvite",
  disable: "UserUpdate",
  enable: "UserUpdate",
  sessions: "UserSessionsRevoke",
  delete: "UserDelete",
} as const;

/** What can be done to an account; each says first what it will do. */
export function UserActions({ u }: { u: User }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const may = useMay("User", u.id);
  const [action, setAction] = useState<Action>();
  const [changing, setChanging] = useState(false);
  const [made, setMade] = useState<CreateUserResponse>();
  const work = async () => {
    switch (action) {
      case "invite":
        setMade(await users.inviteUser({ id: u.id }));
        break;
      case "disable":
      case "enable":
        await users.updateUser({
          user: { ...u, disabled: action === "disable" },
          updateMask: { paths: ["disabled"] },
        });
        break;
      case "sessions":
        await users.revokeUserSessions({ id: u.id });
        break;
      case "delete":
        await users.deleteUser({ id: u.id });
        await client.invalidateQueries({ queryKey: ["User", "list"], refetchType: "all" }); // so that it is not seen in the list again
        await navigate({ to: "/users" });
        break;
    }
    await Promise.all(["User", "Session", "Token"].map((kind) => client.invalidateQueries({ queryKey: [kind] })));
  };
  const list: Action[] = ["invite", "sessions", u.disabled ? "enable" : "disable", "delete"];
  return (
    <>
      <MayButton size="xs" may={may("UserUpdate")} action="UserUpdate" onClick={() => setChanging(true)}>
        {t("directory.change")}
      </MayButton>
      <Menu position="bottom-end" width={260}>
        <Menu.Target>
          <Button variant="default" size="xs" rightSection={<IconChevronDown size={14} aria-hidden />}>
            {t("directory.actions")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {list.map((a) => (
            <MayItem key={a} may={may(needs[a])} action={needs[a]} danger={a === "delete"} onClick={() => setAction(a)}>
              {t(`directory.userAction.${a}`)}
            </MayItem>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Confirm
        opened={action !== undefined}
        onClose={() => setAction(undefined)}
        title={action === undefined ? "" : t(`directory.userAsk.${action}`, { name: u.name })}
        action={action === undefined ? "" : t(`directory.userAction.${action}`)}
        what={t("directory.nothingChanged")}
        danger={action === "delete" || action === "disable"}
        type={action === "delete" ? u.name : undefined}
        preview={action !== undefined && <Preview u={u} action={action} />}
        work={work}
      />
      {changing && <Change u={u} onClose={() => setChanging(false)} />}
      {made !== undefined && <Link made={made} onClose={() => setMade(undefined)} />}
    </>
  );
}

function Preview({ u, action }: { u: User; action: Action }) {
  const { t } = useTranslation();
  const sessions = useQuery(userSessions(u.id));
  const tokens = useQuery(tokenList(u.tenant, u.id));
  const live = (tokens.data?.rows ?? []).filter((k) => !k.revoked).length;
  return (
    <Stack gap="sm">
      <Text>{t(`directory.userPreview.${action}`)}</Text>
      {action !== "enable" && (
        <Text c="dimmed">
          {t("directory.now", {
            sessions: t("directory.sessionsCount", { count: sessions.data?.length ?? 0 }),
            tokens: t("directory.tokensCount", { count: live }),
          })}
        </Text>
      )}
    </Stack>
  );
}

/** Changes an account, with what the change gives and takes. */
function Change({ u, onClose }: { u: User; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const groups = useQuery(groupList(u.tenant));
  const nodes = useQuery(nodeList(u.tenant));
  const [displayName, setDisplayName] = useState(u.displayName);
  const [email, setEmail] = useState(u.email);
  const before = { roles: u.roles, groups: u.groups, hosts: u.hosts };
  const [given, setGiven] = useState(before);
  const differs = (a: string[], b: string[]) => {
    const { gains, loses } = difference(a, b);
    return gains.length + loses.length > 0;
  };
  const paths = [
    displayName !== u.displayName && "display_name",
    email !== u.email && "email",
    differs(u.roles, given.roles) && "roles",
    differs(u.groups, given.groups) && "groups",
    differs(u.hosts, given.hosts) && "hosts",
  ].filter((x) => x !== false);
  const nameOf = (id: string) =>
    groups.data?.rows.find((g) => g.id === id)?.name ?? nodes.data?.rows.find((n) => n.id === id)?.name ?? id;
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("directory.changeTitle", { name: u.name })}
      action={t("directory.save")}
      what={t("directory.nothingChanged")}
      disabled={paths.length === 0}
      work={async () => {
        await users.updateUser({ user: { ...u, displayName, email, ...given }, updateMask: { paths } });
        await client.invalidateQueries({ queryKey: ["User"] });
      }}
      preview={
        <Stack gap="sm">
          <TextInput
            label={t("directory.displayName")}
            value={displayName}
            onChange={(e) => setDisplayName(e.currentTarget.value)}
            maxLength={100}
            data-autofocus
          />
          <TextInput
            type="email"
            label={t("directory.email")}
            value={email}
            onChange={(e) => setEmail(e.currentTarget.value)}
            maxLength={254}
          />
          <RightsForm tenant={u.tenant} value={given} set={setGiven} />
          <RightsDifference before={before} after={given} nameOf={nameOf} />
        </Stack>
      }
    />
  );
}
