import { Button, Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { groupList, tokenList, userSessions, whatCan } from "@/api/directory";
import { nodeList, user } from "@/api/queries";
import { PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { SmallTable } from "@/components/SmallTable";
import { Time } from "@/components/Time";
import type { User } from "@/gen/directory_pb";
import type { Permission } from "@/gen/policy_pb";
import { plain } from "@/lib/plain";
import { RevokeToken, stateOfToken, TokenBadge } from "../tokens/parts";
import { UserActions } from "./Actions";
import { isRole } from "./people";
import classes from "./User.module.css";
import { StateBadge } from "./Users";

/** One account: what its person may do, where they are signed in, and how that is ended. */
export function UserPage() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/users/$id" });
  const one = useQuery(user(id));
  return (
    <Result of={one} what={t("directory.userFailed")} rows={8} page>
      {(u) => <One u={u} />}
    </Result>
  );
}

function One({ u }: { u: User }) {
  const { t } = useTranslation();
  return (
    <Page
      title={plain(u.displayName || u.name)}
      badge={<StateBadge u={u} />}
      about={t(`directory.userStateHow.${u.disabled ? "disabled" : u.lastSignIn === undefined ? "invited" : "active"}`)}
      actions={<UserActions u={u} />}
    >
      <div className={classes.columns}>
        <Stack gap="md" miw={0}>
          <Rights u={u} />
          <Sessions u={u} />
          <Tokens u={u} />
        </Stack>
        <Stack gap="md" miw={0}>
          <About u={u} />
          <MayDo u={u} />
        </Stack>
      </div>
    </Page>
  );
}

function About({ u }: { u: User }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("directory.account")}>
      <Facts
        of={[
          [t("directory.name"), u.name],
          [t("directory.tenant"), u.tenant],
          [t("directory.email"), plain(u.email) || t("table.none")],
          [t("directory.factor"), t(`directory.hasFactor.${u.hasFactor ? "yes" : "no"}`)],
          [t("directory.lastSignIn"), <Time key="l" at={u.lastSignIn} full />],
          [t("directory.created"), <Time key="c" at={u.created} full />],
          [t("directory.id"), <code key="i">{u.id}</code>],
        ]}
      />
    </Panel>
  );
}

function Rights({ u }: { u: User }) {
  const { t } = useTranslation();
  const groups = useQuery(groupList(u.tenant));
  const nodes = useQuery({ ...nodeList(u.tenant), enabled: u.hosts.length > 0 });
  const names = new Map((nodes.data?.rows ?? []).map((n) => [n.id, n.name]));
  const inGroups = (groups.data?.rows ?? []).filter((g) => u.groups.includes(g.id));
  const has = u.roles.length + u.groups.length + u.hosts.length > 0;
  return (
    <Panel title={t("directory.rights")}>
      {!has && <Text c="dimmed">{t("directory.noRights")}</Text>}
      <Stack gap="sm">
        {u.roles.map((r) => (
          <div key={r}>
            <Text fw={600}>{isRole(r) ? t(`directory.role.${r}`) : r}</Text>
            <Text c="dimmed">{isRole(r) ? t(`directory.roleHow.${r}`) : ""}</Text>
          </div>
        ))}
        {inGroups.map((g) => (
          <div key={g.id}>
            <Text fw={600} component="div">
              {t("directory.group")}:{" "}
              <PageLink to="/groups/$id" params={{ id: g.id }}>
                {plain(g.name)}
              </PageLink>
            </Text>
            <Text c="dimmed">
              {t("directory.groupGives", {
                roles: g.roles.map((r) => (isRole(r) ? t(`directory.role.${r}`) : r)).join(", ") || t("table.none"),
                count: g.hosts.length,
              })}
            </Text>
          </div>
        ))}
        {u.hosts.length > 0 && (
          <div>
            <Text fw={600}>{t("directory.hosts")}</Text>
            <Text component="div">
              {u.hosts.map((h, i) => (
                <span key={h}>
                  {i > 0 && ", "}
                  <PageLink to="/nodes/$id" params={{ id: h }}>
                    {names.get(h) ?? h}
                  </PageLink>
                </span>
              ))}
            </Text>
          </div>
        )}
      </Stack>
    </Panel>
  );
}

const few = 12;

/** Actions by the policies that permit them. */
export function byPolicies(rights: readonly Permission[]): [policies: string, actions: string[]][] {
  const out = new Map<string, string[]>();
  for (const r of rights) {
    const key = r.policies.join(", ");
    out.set(key, [...(out.get(key) ?? []), r.action]);
  }
  return [...out];
}

/** What the policies in force permit in the own tenant, as far as whoever asks may know it. */
function MayDo({ u }: { u: User }) {
  const { t } = useTranslation();
  const [every, setEvery] = useState(false);
  const can = useQuery(whatCan(u.id, "", ""));
  return (
    <Panel title={t("directory.mayDo")}>
      <Result of={can} what={t("directory.mayDoFailed")}>
        {(rights) => {
          const shown = every ? rights : rights.slice(0, few);
          return (
            <Stack gap="xs">
              <Text c="dimmed">
                {rights.length === 0 ? t("directory.mayNothing") : t("directory.mayDoHow", { tenant: u.tenant })}
              </Text>
              {byPolicies(shown).map(([policies, actions]) => (
                <div key={policies}>
                  <Text size="sm">{t("directory.byPolicy", { policies })}</Text>
                  <ul className={classes.actions}>
                    {actions.map((a) => (
                      <li key={a}>
                        <code>{a}</code>
                      </li>
                    ))}
                  </ul>
                </div>
              ))}
              {rights.length > few && (
                <div>
                  <Button size="compact-xs" variant="subtle" onClick={() => setEvery(!every)}>
                    {every ? t("common.fewer") : t("common.allOf", { count: rights.length })}
                  </Button>
                </div>
              )}
            </Stack>
          );
        }}
      </Result>
    </Panel>
  );
}

/** Where the person is signed in. What a browser calls itself is whatever it likes. */
export function Sessions({ u }: { u: User }) {
  const { t } = useTranslation();
  const all = useQuery(userSessions(u.id));
  return (
    <Panel title={t("directory.sessions")} flush>
      <Result of={all} what={t("directory.sessionsFailed")}>
        {(rows) =>
          rows.length === 0 ? (
            <Text px="1rem" py="md" c="dimmed">
              {t("directory.noSessions")}
            </Text>
          ) : (
            <SmallTable
              label={t("directory.sessions")}
              miw={560}
              head={[
                t("directory.client"),
                { name: t("directory.address"), w: 150 },
                { name: t("directory.since"), w: 130 },
                { name: t("directory.seen"), w: 130 },
              ]}
            >
              {rows.map((s) => (
                <Table.Tr key={s.id}>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>
                    {plain(s.userAgent) || t("table.none")}
                    {s.current && (
                      <Text span fw={600}>
                        {" "}
                        {t("directory.thisOne")}
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td>
                    <code>{s.address}</code>
                  </Table.Td>
                  <Table.Td>
                    <Time at={s.created} />
                  </Table.Td>
                  <Table.Td>
                    <Time at={s.lastSeen} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </SmallTable>
          )
        }
      </Result>
    </Panel>
  );
}

function Tokens({ u }: { u: User }) {
  const { t } = useTranslation();
  const all = useQuery(tokenList(u.tenant, u.id));
  return (
    <Panel title={t("directory.tokens")} flush>
      <Result of={all} what={t("directory.tokensFailed")}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Text px="1rem" py="md" c="dimmed">
              {t("directory.noTokensOf")}
            </Text>
          ) : (
            <SmallTable
              label={t("directory.tokens")}
              miw={520}
              head={[
                t("directory.tokenName"),
                t("directory.scopes"),
                { name: t("directory.state"), w: 100 },
                { name: t("directory.ends"), w: 130 },
                { name: t("directory.actions"), w: 90, spoken: true },
              ]}
            >
              {rows.map((k) => (
                <Table.Tr key={k.id}>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>{plain(k.name)}</Table.Td>
                  <Table.Td style={{ overflowWrap: "anywhere" }}>{k.scopes.join(", ")}</Table.Td>
                  <Table.Td>
                    <TokenBadge token={k} />
                  </Table.Td>
                  <Table.Td>
                    <Time at={k.expires} />
                  </Table.Td>
                  <Table.Td>{stateOfToken(k) === "active" && <RevokeToken token={k} />}</Table.Td>
                </Table.Tr>
              ))}
            </SmallTable>
          )
        }
      </Result>
    </Panel>
  );
}
