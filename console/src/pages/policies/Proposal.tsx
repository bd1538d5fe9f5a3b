import { Button, Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { policies } from "@/api/clients";
import { policySet, preview, proposal } from "@/api/policies";
import { me } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import { Who } from "@/components/Who";
import { Difference } from "@/editor/Difference";
import type { PolicyProposal } from "@/gen/policy_pb";
import { lines, plain } from "@/lib/plain";
import { Checks, Effect, sound } from "./Check";
import { filesOf } from "./draft";
import classes from "./Policies.module.css";
import { ProposalBadge } from "./parts";

/** A proposal: what it changes, what it would do, and the decision. */
export function Proposal() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/policies/proposals/$id" });
  const one = useQuery(proposal(id));
  return (
    <Result of={one} what={t("policies.proposalFailed")} rows={8} page>
      {(p) => <Shown p={p} />}
    </Result>
  );
}

function Shown({ p }: { p: PolicyProposal }) {
  const { t } = useTranslation();
  const who = useQuery(me());
  const base = useQuery({ ...policySet(p.tenant, p.baseVersion), enabled: p.baseVersion > 0n });
  const pending = p.state === "pending";
  const now = useQuery(preview(p.tenant, p.files, 7, pending));
  const found = pending ? now.data : p.check;
  const [dialog, setDialog] = useState<"approve" | "reject" | "withdraw">();
  const mine = who.data?.id === p.author;
  const close = () => setDialog(undefined);
  return (
    <Page
      title={t("policies.proposalTitle", { tenant: plain(p.tenant) })}
      badge={<ProposalBadge state={p.state} />}
      about={lines(p.note)}
      actions={
        pending && who.data !== undefined && <Decide mine={mine} can={found !== undefined && sound(found)} open={setDialog} />
      }
    >
      <Panel title={t("policies.whoAndWhen")}>
        <Facts of={factsOf(p, t)} />
        {pending && mine && (
          <Text mt="sm" c="dimmed">
            {t("policies.waitsForAnother")}
          </Text>
        )}
      </Panel>
      <div className={classes.halves}>
        <Panel title={t("policies.check")} flush>
          {pending ? (
            <Result of={now} what={t("policies.checkFailed")} rows={2}>
              {(x) => <Checks of={x} />}
            </Result>
          ) : (
            found !== undefined && <Checks of={found} />
          )}
        </Panel>
        <Panel title={pending ? t("policies.effectNow") : t("policies.effectThen")} flush>
          {pending ? (
            <Result of={now} what={t("policies.effectFailed")} rows={2}>
              {(x) => <Effect of={x} />}
            </Result>
          ) : (
            found !== undefined && <Effect of={found} />
          )}
        </Panel>
      </div>
      <Panel title={t("policies.against", { version: String(p.baseVersion) })} flush>
        {p.baseVersion === 0n ? (
          <Difference before={[]} after={filesOf(p)} />
        ) : (
          <Result of={base} what={t("policies.failed")}>
            {(b) => <Difference before={filesOf(b)} after={filesOf(p)} />}
          </Result>
        )}
      </Panel>
      {dialog !== undefined && <Decision kind={dialog} p={p} onClose={close} />}
    </Page>
  );
}

function Decide({ mine, can, open }: { mine: boolean; can: boolean; open: (d: "approve" | "reject" | "withdraw") => void }) {
  const { t } = useTranslation();
  if (mine)
    return (
      <Button variant="default" onClick={() => open("withdraw")}>
        {t("policies.withdraw")}
      </Button>
    );
  return (
    <>
      <Button variant="default" onClick={() => open("reject")}>
        {t("policies.reject")}
      </Button>
      <Button disabled={!can} onClick={() => open("approve")}>
        {t("policies.approve")}
      </Button>
    </>
  );
}

function factsOf(p: PolicyProposal, t: TFunction): [string, React.ReactNode][] {
  const facts: [string, React.ReactNode][] = [
    [t("policies.author"), <Who key="a" id={p.author} />],
    [t("policies.proposedAt"), <Time key="t" at={p.created} full />],
    [
      t("policies.madeFrom"),
      p.baseVersion === 0n ? (
        t("policies.noOwn")
      ) : (
        <PageLink
          key="b"
          to="/policies/versions/$version"
          params={{ version: String(p.baseVersion) }}
          search={(old) => ({ ...old, tenant: p.tenant })}
        >
          {t("policies.versionN", { version: String(p.baseVersion) })}
        </PageLink>
      ),
    ],
  ];
  if (p.approver !== "") facts.push([t("policies.decidedBy"), <Who key="d" id={p.approver} />]);
  if (p.ended !== undefined) facts.push([t("policies.endedAt"), <Time key="e" at={p.ended} full />]);
  if (p.reason !== "") facts.push([t("policies.said"), lines(p.reason)]);
  if (p.version > 0n)
    facts.push([
      t("policies.became"),
      <PageLink
        key="v"
        to="/policies/versions/$version"
        params={{ version: String(p.version) }}
        search={(old) => ({ ...old, tenant: p.tenant })}
      >
        {t("policies.versionN", { version: String(p.version) })}
      </PageLink>,
    ]);
  return facts;
}

function Decision({ kind, p, onClose }: { kind: "approve" | "reject" | "withdraw"; p: PolicyProposal; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [reason, setReason] = useState("");
  const work = async () => {
    if (kind === "withdraw") await policies.withdrawPolicyProposal({ id: p.id });
    else await policies.decidePolicyProposal({ id: p.id, approve: kind === "approve", reason });
    await client.invalidateQueries({ queryKey: ["PolicyProposal"] });
    await client.invalidateQueries({ queryKey: ["Policy"] });
    notifications.show({ message: t(`policies.decision.${kind}.done`) });
  };
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(`policies.decision.${kind}.title`)}
      action={t(`policies.decision.${kind}.action`)}
      what={t(`policies.decision.${kind}.failed`)}
      danger={kind === "reject"}
      disabled={kind === "reject" && reason.trim() === ""}
      work={work}
      preview={
        <Stack gap="sm">
          <Text>{t(`policies.decision.${kind}.preview`, { version: String(p.baseVersion) })}</Text>
          {kind !== "withdraw" && (
            <Textarea
              label={t("policies.reason")}
              description={t("policies.reasonRead")}
              value={reason}
              onChange={(e) => setReason(e.currentTarget.value)}
              required={kind === "reject"}
              maxLength={500}
              autosize
              minRows={2}
            />
          )}
        </Stack>
      }
    />
  );
}
