import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { tokenList, userList } from "@/api/directory";
import { me } from "@/api/queries";
import { Empty } from "@/components/Empty";
import { PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Token } from "@/gen/directory_pb";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { CreateToken } from "./Create";
import { RevokeToken, stateOfToken, TokenBadge, tokenStates } from "./parts";

/** Stands for the own account in the address; no account can be called so. */
const mine = "@me";

/** API tokens: the own ones and those of others. */
export function Tokens() {
  const { t } = useTranslation();
  const replace = useReplace();
  const search = useSearch({ from: "/tokens" });
  const tenant = useTenant();
  const caller = useQuery(me());
  const all = useQuery(tokenList(tenant));
  const people = useQuery(userList(tenant));
  const [making, setMaking] = useState(false);
  const names = useMemo(() => new Map((people.data?.rows ?? []).map((u) => [u.id, u.name])), [people.data]);
  const own = caller.data?.id ?? "";
  const columns = useMemo(
    (): Column<Token>[] => [
      { id: "name", header: t("directory.tokenName"), value: (k) => plain(k.name), min: 140, grow: 1.4 },
      {
        id: "user",
        header: t("directory.of"),
        value: (k) => (k.user === own ? mine : (names.get(k.user) ?? k.user)),
        word: (v) => (v === mine ? t("directory.you") : v),
        cell: (k) => (
          <PageLink to="/users/$id" params={{ id: k.user }}>
            {k.user === own ? t("directory.you") : (names.get(k.user) ?? k.user)}
          </PageLink>
        ),
        few: true,
        min: 110,
      },
      {
        id: "state",
        header: t("directory.state"),
        value: (k) => stateOfToken(k),
        cell: (k) => <TokenBadge token={k} />,
        word: (v) => t(`directory.tokenState.${v as "active"}`),
        order: tokenStates,
        few: true,
        min: 100,
      },
      { id: "scopes", header: t("directory.scopes"), value: (k) => k.scopes.join(", "), min: 150, grow: 1.4 },
      {
        id: "prefix",
        header: t("directory.prefix"),
        value: (k) => k.prefix,
        cell: (k) => <code>{k.prefix}…</code>,
        min: 160,
      },
      { id: "tenant", header: t("directory.tenant"), value: (k) => k.tenant, few: true, hidden: tenant !== "", min: 90 },
      {
        id: "used",
        header: t("directory.used"),
        ...moment((k: Token) => k.lastUsed),
        min: 110,
      },
      { id: "ends", header: t("directory.ends"), ...moment((k: Token) => k.expires), min: 110 },
      {
        id: "revoke",
        header: t("directory.actions"),
        value: () => "",
        cell: (k) => (stateOfToken(k) === "active" ? <RevokeToken token={k} /> : <span />),
        min: 90,
        grow: 0.6,
      },
    ],
    [t, names, own, tenant],
  );
  const make = <Button onClick={() => setMaking(true)}>{t("directory.makeToken")}</Button>;
  return (
    <Page title={t("directory.tokens")} about={t("directory.tokensAbout")} actions={make}>
      <Result of={all} what={t("directory.tokensFailed")} rows={8}>
        {({ rows, more }) => (
          <DataTable
            id="tokens"
            label={t("directory.tokens")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(k) => k.id}
            search={search}
            onSearch={(next) => void replace({ to: "/tokens", search: (old) => ({ tenant: old.tenant, ...next }) })}
            initial={{ sort: "state,-ends" }}
            actions={
              <SegmentedControl
                size="xs"
                aria-label={t("directory.of")}
                value={search.only === `user:${mine}` ? "mine" : "all"}
                onChange={(v) =>
                  void replace({
                    to: "/tokens",
                    search: (old) => ({ ...old, only: v === "mine" ? `user:${mine}` : undefined }),
                  })
                }
                data={[
                  { value: "all", label: t("directory.allTokens") },
                  { value: "mine", label: t("directory.myTokens") },
                ]}
              />
            }
            empty={
              <Panel title={t("directory.tokens")}>
                <Empty title={t("directory.noTokens")} how={t("directory.noTokensHow")}>
                  {make}
                </Empty>
              </Panel>
            }
          />
        )}
      </Result>
      {making && <CreateToken tenant={tenant} onClose={() => setMaking(false)} />}
    </Page>
  );
}
