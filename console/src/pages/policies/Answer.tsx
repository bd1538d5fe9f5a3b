import { Table, Text } from "@mantine/core";
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { policies } from "@/api/clients";
import { Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { ScrollTable } from "@/components/ScrollTable";
import { Pill } from "@/components/StatusBadge";
import type { Explanation, Permission } from "@/gen/policy_pb";
import { lines, plain } from "@/lib/plain";
import { useTenant } from "@/shell/scope";
import classes from "./Policies.module.css";
import { PolicyLink, PolicyLinks } from "./parts";
import type { Question } from "./question";

const refOf = (q: Question) => ({ type: q.type ?? "", id: q.id ?? "" });

// An answer is of the policies and the people at a moment: "Policy" has it asked again when the policies change.
const whoCan = (tenant: string, q: Question) =>
  queryOptions({
    queryKey: ["Policy", "who", tenant, q],
    queryFn: ({ signal }) => policies.whoCan({ tenant, action: q.action ?? "", resource: refOf(q) }, { signal }),
  });
const whatCan = (tenant: string, q: Question) =>
  queryOptions({
    queryKey: ["Policy", "what", tenant, q],
    queryFn: ({ signal }) => policies.whatCan({ tenant, user: q.user ?? "", resource: refOf(q) }, { signal }),
  });
const explain = (tenant: string, q: Question) =>
  queryOptions({
    queryKey: ["Policy", "why", tenant, q],
    queryFn: ({ signal }) =>
      policies.explain(
        // A record says itself what it is about; the rest only has to be there.
        q.q === "record"
          ? { tenant, record: q.record ?? "", action: "PolicyExplain", resource: { type: "Tenant", id: tenant || "system" } }
          : { tenant, user: q.user ?? "", action: q.action ?? "", resource: refOf(q) },
        { signal },
      ),
  });

/** What the policies answer. */
export function Answer({ q, tenant }: { q: Question; tenant: string }) {
  if (q.q === "who") return <Who q={q} tenant={tenant} />;
  if (q.q === "what") return <What q={q} tenant={tenant} />;
  return <Why q={q} tenant={tenant} />;
}

function Who({ q, tenant }: { q: Question; tenant: string }) {
  const { t } = useTranslation();
  const answer = useQuery(whoCan(tenant, q));
  return (
    <Panel title={t("policies.whoCan", { action: q.action ?? "", object: `${q.type}::${q.id}` })} flush>
      <Result of={answer} what={t("policies.askFailed")}>
        {(a) =>
          a.users.length === 0 ? (
            <Text p="md">{t("policies.nobody")}</Text>
          ) : (
            <>
              <Permissions of={a.users} first={t("policies.who")} show={(p) => `${p.name} (${p.tenant})`} />
              <Text p="md" size="xs" c="dimmed">
                {a.truncated ? t("policies.whoMore", { count: a.users.length }) : t("policies.whoNote")}
              </Text>
            </>
          )
        }
      </Result>
    </Panel>
  );
}

function What({ q, tenant }: { q: Question; tenant: string }) {
  const { t } = useTranslation();
  const answer = useQuery(whatCan(tenant, q));
  return (
    <Panel title={t("policies.whatCan", { user: q.user ?? t("policies.you"), object: `${q.type}::${q.id}` })} flush>
      <Result of={answer} what={t("policies.askFailed")}>
        {(a) =>
          a.permissions.length === 0 ? (
            <Text p="md">{t("policies.nothing")}</Text>
          ) : (
            <Permissions of={a.permissions} first={t("policies.action")} show={(p) => p.action} />
          )
        }
      </Result>
    </Panel>
  );
}

function Permissions({ of: list, first, show }: { of: readonly Permission[]; first: string; show: (p: Permission) => string }) {
  const { t } = useTranslation();
  return (
    <ScrollTable label={first}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{first}</Table.Th>
            <Table.Th>{t("policies.by")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {list.map((p) => (
            <Table.Tr key={`${p.user} ${p.action}`}>
              <Table.Td>{plain(show(p))}</Table.Td>
              <Table.Td>
                <PolicyLinks ids={p.policies} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </ScrollTable>
  );
}

function Why({ q, tenant }: { q: Question; tenant: string }) {
  const { t } = useTranslation();
  // A record can be of any tenant that is in sight, as those are that pages of records lead here from.
  const scope = useTenant();
  const answer = useQuery(explain(q.q === "record" ? scope : tenant, q));
  return (
    <Panel title={t("policies.answer")} flush>
      <Result of={answer} what={t("policies.askFailed")}>
        {(a) => <Explained of={a} />}
      </Result>
    </Panel>
  );
}

function Explained({ of: a }: { of: Explanation }) {
  const { t } = useTranslation();
  return (
    <ul className={classes.lines}>
      <li className={classes.line}>
        <div className={classes.grow}>
          <Pill tone={a.allowed ? "good" : "bad"} word={a.allowed ? t("policies.permitted") : t("policies.refused")} />{" "}
          <Text span>{lines(a.reason)}</Text>
          {a.needs.length > 0 && <Text>{t("policies.needs", { what: a.needs.join(", ") })}</Text>}
          {a.errors.map((e) => (
            <Text key={e} c="var(--bh-bad)">
              {plain(e)}
            </Text>
          ))}
        </div>
      </li>
      {a.policies.length === 0 && <li className={classes.line}>{t("policies.noPolicy")}</li>}
      {a.policies.map((p) => (
        <li key={p.id} className={classes.line}>
          <div className={classes.grow}>
            <PolicyLink id={p.id} />{" "}
            <Pill
              tone={p.effect === "forbid" ? "bad" : "good"}
              word={p.effect === "forbid" ? t("policies.forbids") : t("policies.permits")}
            />
            <Text>{lines(p.reason)}</Text>
            {p.text !== "" && <pre className={`mono ${classes.pre}`}>{lines(p.text)}</pre>}
          </div>
        </li>
      ))}
    </ul>
  );
}
