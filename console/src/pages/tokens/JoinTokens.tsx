import { Button, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { nodes } from "@/api/clients";
import { joinTokenList, userList } from "@/api/directory";
import { Confirm } from "@/components/Confirm";
import { Empty } from "@/components/Empty";
import { ButtonLink, PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Pill } from "@/components/StatusBadge";
import type { JoinToken } from "@/gen/node_pb";
import { plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";

const states = ["open", "used", "over", "revoked"] as const;
type State = (typeof states)[number];
const tones = { open: "good", used: "off", over: "off", revoked: "off" } as const;

export function stateOfJoin(k: Pick<JoinToken, "used" | "revoked" | "expires">, now = new Date()): State {
  if (k.used !== undefined) return "used";
  if (k.revoked !== undefined) return "revoked";
  return (dateOf(k.expires)?.getTime() ?? 0) <= now.getTime() ? "over" : "open";
}

/** Tokens that let machines join. */
export function JoinTokens() {
  const { t } = useTranslation();
  const replace = useReplace();
  const search = useSearch({ from: "/nodes/tokens" });
  const tenant = useTenant();
  const all = useQuery(joinTokenList(tenant));
  const people = useQuery(userList(tenant));
  const names = useMemo(() => new Map((people.data?.rows ?? []).map((u) => [u.id, u.name])), [people.data]);
  const columns = useMemo(
    (): Column<JoinToken>[] => [
      {
        id: "name",
        header: t("directory.tokenName"),
        value: (k) => plain(k.name),
        cell: (k) =>
          k.name === "" ? (
            <Text span c="dimmed">
              {t("table.none")}
            </Text>
          ) : (
            <span title={plain(k.name)}>{plain(k.name)}</span>
          ),
        min: 130,
        grow: 1.3,
      },
      {
        id: "state",
        header: t("directory.state"),
        value: (k) => stateOfJoin(k),
        cell: (k) => {
          const s = stateOfJoin(k);
          return <Pill tone={tones[s]} word={t(`directory.joinState.${s}`)} />;
        },
        word: (v) => t(`directory.joinState.${v as "open"}`),
        order: states,
        few: true,
        min: 100,
      },
      { id: "pool", header: t("nodes.pool"), value: (k) => k.pool, few: true, min: 100 },
      { id: "tenant", header: t("directory.tenant"), value: (k) => k.tenant, few: true, hidden: tenant !== "", min: 90 },
      {
        id: "creator",
        header: t("directory.madeBy"),
        value: (k) => names.get(k.creator) ?? k.creator,
        cell: (k) =>
          names.has(k.creator) ? (
            <PageLink to="/users/$id" params={{ id: k.creator }}>
              {names.get(k.creator)}
            </PageLink>
          ) : (
            <span title={k.creator}>{k.creator}</span>
          ),
        few: true,
        min: 110,
      },
      {
        id: "made",
        header: t("directory.created"),
        ...moment((k: JoinToken) => k.created),
        min: 110,
      },
      { id: "ends", header: t("directory.ends"), ...moment((k: JoinToken) => k.expires), min: 110 },
      {
        id: "node",
        header: t("directory.usedBy"),
        value: (k) => k.usedBy,
        cell: (k) =>
          k.usedBy === "" ? (
            <Text span c="dimmed">
              –
            </Text>
          ) : (
            <PageLink to="/nodes/$id" params={{ id: k.usedBy }} title={k.usedBy}>
              {t("directory.theNode")}
            </PageLink>
          ),
        min: 100,
      },
      {
        id: "revoke",
        header: t("directory.actions"),
        value: () => "",
        cell: (k) => (stateOfJoin(k) === "open" ? <Revoke token={k} /> : <span />),
        min: 90,
        grow: 0.6,
      },
    ],
    [t, names, tenant],
  );
  return (
    <Page
      title={t("directory.joinTokens")}
      about={t("directory.joinTokensAbout")}
      actions={<ButtonLink to="/nodes/join">{t("nodes.join")}</ButtonLink>}
    >
      <Result of={all} what={t("directory.joinTokensFailed")} rows={8}>
        {({ rows, more }) => (
          <DataTable
            id="join-tokens"
            label={t("directory.joinTokens")}
            rows={rows}
            more={more}
            columns={columns}
            rowKey={(k) => k.id}
            search={search}
            onSearch={(next) => void replace({ to: "/nodes/tokens", search: (old) => ({ tenant: old.tenant, ...next }) })}
            empty={
              <Panel title={t("directory.joinTokens")}>
                <Empty title={t("directory.noJoinTokens")} how={t("directory.noJoinTokensHow")}>
                  <ButtonLink to="/nodes/join">{t("nodes.join")}</ButtonLink>
                </Empty>
              </Panel>
            }
          />
        )}
      </Result>
    </Page>
  );
}

function Revoke({ token }: { token: JoinToken }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const name = plain(token.name) || token.id;
  return (
    <>
      <Button size="compact-xs" variant="default" onClick={() => setAsking(true)} aria-label={t("directory.revokeNamed", { name })}>
        {t("directory.revoke")}
      </Button>
      <Confirm
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("directory.revokeTokenAsk", { name })}
        action={t("directory.revoke")}
        what={t("directory.nothingChanged")}
        danger
        preview={<Text>{t("directory.revokeJoinPreview")}</Text>}
        work={async () => {
          await nodes.revokeJoinToken({ id: token.id });
          await client.invalidateQueries({ queryKey: ["JoinToken"] });
        }}
      />
    </>
  );
}
