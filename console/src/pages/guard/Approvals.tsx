import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { accessRequests, myAccessRequests } from "@/api/policies";
import { me } from "@/api/queries";
import { CopyCommand } from "@/components/CopyCommand";
import { ButtonLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { AccessRequest } from "@/gen/policy_pb";
import { useTenant } from "@/shell/scope";
import { AskAccess } from "../access/AskAccess";
import { Decision, type DecisionKind } from "../access/Decision";
import { Requests } from "../access/Requests";
import { GuardTabs } from "./GuardTabs";
import { isOfEngine } from "./objects";

const live = new Set(["pending", "approved"]);

/** Calls of engines that a second person approves: what waits, what one asked for, and what is permitted for a time. */
export function ApprovalsPage() {
  const { t } = useTranslation();
  const own = useQuery(me()).data?.id;
  const all = useQuery(accessRequests(useTenant()));
  const mine = useQuery(myAccessRequests());
  const [asking, setAsking] = useState(false);
  const [decision, setDecision] = useState<{ kind: DecisionKind; r: AccessRequest }>();
  const open = (kind: DecisionKind) => (r: AccessRequest) => setDecision({ kind, r });
  const others = (rows: readonly AccessRequest[], state: string) =>
    rows.filter((r) => r.state === state && r.user !== own && isOfEngine(r.resource?.type));
  return (
    <Page
      title={t("guard.title")}
      about={t("guard.approvalsAbout")}
      actions={
        <>
          <ButtonLink to="/access" variant="default">
            {t("guard.allRequests")}
          </ButtonLink>
          <Button onClick={() => setAsking(true)}>{t("access.ask")}</Button>
        </>
      }
    >
      <GuardTabs here="approvals" />
      <Panel title={t("access.waiting")} flush>
        <Result of={all} what={t("access.failed")} rows={2}>
          {({ rows }) => (
            <Requests
              rows={others(rows, "pending")}
              none={t("guard.noneWaiting")}
              how={t("guard.noneWaitingHow")}
              actions={[
                ["deny", open("deny")],
                ["approve", open("approve")],
              ]}
            >
              <CopyCommand text={"guard:\n  four_eyes: [ContainerExec]"} label={t("guard.setting")} />
            </Requests>
          )}
        </Result>
      </Panel>
      <Panel title={t("access.mine")} flush>
        <Result of={mine} what={t("access.failed")} rows={1}>
          {({ rows }) => (
            <Requests
              rows={rows.filter((r) => live.has(r.state) && isOfEngine(r.resource?.type)).reverse()}
              own
              none={t("guard.noneMine")}
              how={t("guard.noneMineHow")}
              actions={[["withdraw", open("withdraw")]]}
            >
              <CopyCommand text="bulkhead access request ContainerExec Container::ID --reason '…'" label={t("access.ask")} />
            </Requests>
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
