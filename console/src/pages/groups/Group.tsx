import { Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { group, groups, useMay, userList } from "@/api/directory";
import { nodeList } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { PageLink } from "@/components/links";
import { MayButton } from "@/components/MayButton";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { Group } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { isRole } from "../users/people";
import classes from "../users/User.module.css";
import { EditGroup } from "./Edit";
import { Members } from "./Members";

/** One group: what it gives, and to whom. */
export function GroupPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/groups/$id" });
  const one = useQuery(group(id));
  return (
    <Result of={one} what={t("directory.groupFailed")} rows={6} page>
      {(g) => <One g={g} />}
    </Result>
  );
}

function One({ g }: { g: Group }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const may = useMay("Group", g.id);
  const people = useQuery(userList(g.tenant));
  const [changing, setChanging] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const members = (people.data?.rows ?? []).filter((u) => u.groups.includes(g.id));
  const roles = g.roles.map((r) => (isRole(r) ? t(`directory.role.${r}`) : r)).join(", ");
  return (
    <Page
      title={plain(g.name)}
      about={t("directory.groupAbout")}
      actions={
        <>
          <MayButton size="xs" may={may("GroupUpdate")} action="GroupUpdate" onClick={() => setChanging(true)}>
            {t("directory.change")}
          </MayButton>
          <MayButton size="xs" variant="default" may={may("GroupDelete")} action="GroupDelete" onClick={() => setDeleting(true)}>
            {t("directory.deleteGroup")}
          </MayButton>
        </>
      }
    >
      <div className={classes.columns}>
        <Members g={g} all={people} />
        <Stack gap="md" miw={0}>
          <Gives g={g} />
          <About g={g} />
        </Stack>
      </div>
      {changing && <EditGroup tenant={g.tenant} of={g} onClose={() => setChanging(false)} />}
      <Confirm
        opened={deleting}
        onClose={() => setDeleting(false)}
        title={t("directory.deleteGroupAsk", { name: plain(g.name) })}
        action={t("directory.deleteGroup")}
        what={t("directory.nothingChanged")}
        danger
        type={g.name}
        preview={
          <Stack gap="sm">
            <Text>{t("directory.deleteGroupPreview", { count: members.length, roles: roles || t("table.none") })}</Text>
            {members.length > 0 && <Text c="dimmed">{members.map((u) => u.name).join(", ")}</Text>}
          </Stack>
        }
        work={async () => {
          await groups.deleteGroup({ id: g.id });
          await client.invalidateQueries({ queryKey: ["Group", "list"], refetchType: "all" }); // so that it is not seen in the list again
          await navigate({ to: "/groups" });
          await Promise.all(["Group", "User"].map((kind) => client.invalidateQueries({ queryKey: [kind] })));
        }}
      />
    </Page>
  );
}

function Gives({ g }: { g: Group }) {
  const { t } = useTranslation();
  const nodes = useQuery({ ...nodeList(g.tenant), enabled: g.hosts.length > 0 });
  const names = new Map((nodes.data?.rows ?? []).map((n) => [n.id, n.name]));
  return (
    <Panel title={t("directory.gives")}>
      <Stack gap="sm">
        {g.roles.length + g.hosts.length === 0 && <Text c="dimmed">{t("directory.givesNothing")}</Text>}
        {g.roles.map((r) => (
          <div key={r}>
            <Text fw={600}>{isRole(r) ? t(`directory.role.${r}`) : r}</Text>
            <Text c="dimmed">{isRole(r) ? t(`directory.roleHow.${r}`) : ""}</Text>
          </div>
        ))}
        {g.hosts.length > 0 && (
          <Text component="div">
            {t("directory.hosts")}:{" "}
            {g.hosts.map((h, i) => (
              <span key={h}>
                {i > 0 && ", "}
                <PageLink to="/nodes/$id" params={{ id: h }}>
                  {names.get(h) ?? h}
                </PageLink>
              </span>
            ))}
          </Text>
        )}
      </Stack>
    </Panel>
  );
}

function About({ g }: { g: Group }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("directory.group")}>
      <Facts
        of={[
          [t("directory.tenant"), g.tenant],
          [t("directory.created"), <Time key="c" at={g.created} full />],
          [t("directory.id"), <code key="i">{g.id}</code>],
        ]}
      />
    </Panel>
  );
}
