import { Button, MultiSelect, Group as Row, Stack, Table, Text } from "@mantine/core";
import { type UseQueryResult, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { users } from "@/api/clients";
import type { All } from "@/api/lists";
import { Confirm } from "@/components/Confirm";
import { PageLink } from "@/components/links";
import { Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { SmallTable } from "@/components/SmallTable";
import { Time } from "@/components/Time";
import type { Group, User } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { StateBadge } from "../users/Users";

/** Who is in a group. Each is put in, and taken out, with a change of the account, which has its own record. */
export function Members({ g, all }: { g: Group; all: UseQueryResult<All<User>> }) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState<User>();
  const client = useQueryClient();
  const people = all.data?.rows ?? [];
  const rows = people.filter((u) => u.groups.includes(g.id));
  const put = async (u: User, groups: string[]) => {
    await users.updateUser({ user: { ...u, groups }, updateMask: { paths: ["groups"] } });
  };
  const again = () => client.invalidateQueries({ queryKey: ["User"] });
  return (
    <Panel
      title={t("directory.members")}
      flush
      aside={
        <Button size="compact-sm" variant="default" onClick={() => setAdding(true)}>
          {t("directory.addMembers")}
        </Button>
      }
    >
      <Result of={all} what={t("directory.usersFailed")}>
        {() =>
          rows.length === 0 ? (
            <Text px="1rem" py="md" c="dimmed">
              {t("directory.noMembers")}
            </Text>
          ) : (
            <SmallTable
              label={t("directory.members")}
              miw={480}
              head={[
                t("directory.name"),
                { name: t("directory.state"), w: 120 },
                { name: t("directory.lastSignIn"), w: 150 },
                { name: t("directory.actions"), w: 100, spoken: true },
              ]}
            >
              {rows.map((u) => (
                <Table.Tr key={u.id}>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>
                    <PageLink to="/users/$id" params={{ id: u.id }}>
                      {u.name}
                    </PageLink>
                    {u.displayName !== "" && <Text c="dimmed">{plain(u.displayName)}</Text>}
                  </Table.Td>
                  <Table.Td>
                    <StateBadge u={u} />
                  </Table.Td>
                  <Table.Td>
                    <Time at={u.lastSignIn} />
                  </Table.Td>
                  <Table.Td>
                    <Row justify="flex-end">
                      <Button
                        size="compact-xs"
                        variant="default"
                        onClick={() => setLeaving(u)}
                        aria-label={t("directory.takeOutNamed", { name: u.name })}
                      >
                        {t("directory.takeOut")}
                      </Button>
                    </Row>
                  </Table.Td>
                </Table.Tr>
              ))}
            </SmallTable>
          )
        }
      </Result>
      {adding && <Add g={g} people={people} put={put} again={again} onClose={() => setAdding(false)} />}
      <Confirm
        opened={leaving !== undefined}
        onClose={() => setLeaving(undefined)}
        title={t("directory.takeOutAsk", { name: leaving?.name ?? "", group: plain(g.name) })}
        action={t("directory.takeOut")}
        what={t("directory.nothingChanged")}
        danger
        preview={<Text>{t("directory.takeOutPreview")}</Text>}
        work={async () => {
          if (leaving === undefined) return;
          await put(
            leaving,
            leaving.groups.filter((id) => id !== g.id),
          );
          await again();
        }}
      />
    </Panel>
  );
}

function Add(p: {
  g: Group;
  people: User[];
  put: (u: User, groups: string[]) => Promise<void>;
  again: () => Promise<void>;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<string[]>([]);
  const others = p.people.filter((u) => !u.groups.includes(p.g.id));
  return (
    <Confirm
      opened
      onClose={p.onClose}
      title={t("directory.addTitle", { name: plain(p.g.name) })}
      action={t("directory.addMembers")}
      what={t("directory.addFailed")}
      disabled={chosen.length === 0}
      work={async () => {
        try {
          for (const u of others.filter((o) => chosen.includes(o.id))) await p.put(u, [...u.groups, p.g.id]);
        } finally {
          await p.again(); // those before one that failed are in
        }
      }}
      preview={
        <Stack gap="sm">
          <Text>{t("directory.groupPreview")}</Text>
          <MultiSelect
            label={t("directory.users")}
            data={others.map((u) => ({
              value: u.id,
              label: u.displayName === "" ? u.name : `${u.name} – ${plain(u.displayName)}`,
            }))}
            value={chosen}
            onChange={setChosen}
            searchable
            limit={100}
            maxValues={100}
            hidePickedOptions
            nothingFoundMessage={t("directory.noneFound")}
            data-autofocus
          />
        </Stack>
      }
    />
  );
}
