import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { accessRequests, myAccessRequests } from "@/api/policies";
import { me } from "@/api/queries";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { AccessRequest } from "@/gen/policy_pb";
import { useTenant } from "@/shell/scope";
import { AskAccess } from "./AskAccess";
import { Decision, type DecisionKind } from "./Decision";
import { Requests } from "./Requests";

/** Access for a time: what waits for a decision, what one asked for, and what others have. */
export function Access() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/access" });
  const tenant = useTenant();
  const who = useQuery(me());
  const all = useQuery(accessRequests(tenant));
  const mine = useQuery(myAccessRequests());
  const [asking, setAsking] = useState(search.ask === true);
  const [decision, setDecision] = useState<{ kind: DecisionKind; r: AccessRequest }>();
  const open = (kind: DecisionKind) => (r: AccessRequest) => setDecision({ kind, r });
  const others = (rows: readonly AccessRequest[], state: string) =>
    rows.filter((r) => r.state === state && r.user !== who.data?.id);
  return (
    <Page
      title={t("access.title")}
      about={t("access.about")}
      actions={<Button onClick={() => setAsking(true)}>{t("access.ask")}</Button>}
    >
      <Panel title={t("access.waiting")} flush>
        <Result of={all} what={t("access.failed")} rows={2}>
          {({ rows }) => (
            <Requests
              rows={others(rows, "pending")}
              none={t("access.noneWaiting")}
              how={t("access.noneWaitingHow")}
              actions={[
                ["deny", open("deny")],
                ["approve", open("approve")],
              ]}
            />
          )}
        </Result>
      </Panel>
      <Panel title={t("access.mine")} flush>
        <Result of={mine} what={t("access.failed")} rows={2}>
          {({ rows }) => (
            <Requests
              rows={[...rows].reverse()}
              own
              none={t("access.noneMine")}
              how={t("access.noneMineHow")}
              actions={[["withdraw", open("withdraw")]]}
            />
          )}
        </Result>
      </Panel>
      <Panel title={t("access.inForce")} flush>
        <Result of={all} what={t("access.failed")} rows={1}>
          {({ rows }) => (
            <Requests
              rows={others(rows, "approved")}
              none={t("access.noneInForce")}
              how={t("access.noneInForceHow")}
              actions={[["revoke", open("revoke")]]}
            />
          )}
        </Result>
      </Panel>
      {asking && <AskAccess onClose={() => setAsking(false)} />}
      {decision !== undefined && <Decision {...decision} onClose={() => setDecision(undefined)} />}
    </Page>
  );
}
