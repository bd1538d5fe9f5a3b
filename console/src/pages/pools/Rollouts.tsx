import { Group, Stack, Text, Textarea } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { isOpen, pools } from "@/api/directory";
import { Confirm } from "@/components/Confirm";
import { PageLink } from "@/components/links";
import { MayButton } from "@/components/MayButton";
import { Pill } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Rollout } from "@/gen/fleet_pb";
import { plain } from "@/lib/plain";
import classes from "./Pools.module.css";

const tones = {
  running: "unknown",
  waiting: "part",
  halted: "bad",
  done: "good",
  rolled_back: "off",
  superseded: "off",
} as const;
export type RolloutState = keyof typeof tones;
export const rolloutStates = Object.keys(tones) as RolloutState[];

export const rolloutState = (s: string): RolloutState => rolloutStates.find((k) => k === s) ?? "running";

export function RolloutBadge({ state }: { state: string }) {
  const { t } = useTranslation();
  const s = rolloutState(state);
  return <Pill tone={tones[s]} word={t(`pools.rolloutState.${s}`)} />;
}

/** What a person decided begins with the id of the account. */
export const deciderOf = (reason: string): string => reason.match(/^[0-9a-f]{8}-[0-9a-f-]{27}/)?.[0] ?? "";

/** reasonWords has the name instead, which says more to people; `alone` is how it is said where nobody gave a reason. */
export function reasonWords(reason: string, nameOf: (id: string) => string, alone: (name: string) => string): string {
  const id = deciderOf(reason);
  if (id === "") return plain(reason);
  return plain(id === reason ? alone(nameOf(id)) : nameOf(id) + reason.slice(id.length));
}

type Decision = "halt" | "resume" | "roll_back";

/** What can be decided of a roll-out. */
export function decisionsOf(state: string): Decision[] {
  if (state === "running" || state === "waiting") return ["halt", "roll_back"];
  return state === "halted" ? ["resume", "roll_back"] : [];
}

/** A change of settings on its way: how far it is, and what can be decided of it. It goes on when the page is left. */
export function RolloutRow({ r, nameOf, may }: { r: Rollout; nameOf: (id: string) => string; may: boolean }) {
  const { t } = useTranslation();
  const author = nameOf(r.author);
  const part = (n: number) => `${r.nodes === 0 ? 0 : Math.min(100, (n * 100) / r.nodes)}%`;
  return (
    <article className={classes.rollout} aria-label={t("pools.rolloutTo", { to: String(r.to) })}>
      <div className={classes.head}>
        <Group gap="sm">
          <Text fw={600}>{t("pools.rolloutTo", { to: String(r.to) })}</Text>
          <RolloutBadge state={r.state} />
        </Group>
        {isOpen(r.state) && <Decide r={r} may={may} />}
      </div>
      {isOpen(r.state) && (
        <div
          className={classes.bar}
          role="progressbar"
          aria-label={t("pools.progress")}
          aria-valuemin={0}
          aria-valuemax={r.nodes}
          aria-valuenow={r.applied}
        >
          <span data-tone="good" style={{ width: part(r.applied) }} />
          <span data-tone="bad" style={{ width: part(r.failed) }} />
        </div>
      )}
      <div className={classes.facts}>
        <span>{t("pools.reached", { applied: r.applied, nodes: r.nodes })}</span>
        {isOpen(r.state) && <span>{t("pools.share", { share: r.share })}</span>}
        {r.failed > 0 && <span>{t("pools.failed", { count: r.failed })}</span>}
        {r.findings > 0 && <span>{t("pools.findings", { count: r.findings })}</span>}
        <span>
          <Time at={r.created} />
          {author !== "" && " · "}
          {author !== "" && (
            <PageLink to="/users/$id" params={{ id: r.author }} underline="always">
              {author}
            </PageLink>
          )}
        </span>
      </div>
      {r.reason !== "" && <Text>{reasonWords(r.reason, nameOf, (name) => t("pools.decidedBy", { name }))}</Text>}
    </article>
  );
}

function Decide({ r, may }: { r: Rollout; may: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [decision, setDecision] = useState<Decision>();
  const [reason, setReason] = useState("");
  return (
    <Group gap="xs">
      {decisionsOf(r.state).map((d) => (
        <MayButton key={d} size="compact-sm" variant="default" may={may} action="PoolUpdate" onClick={() => setDecision(d)}>
          {t(`pools.decision.${d}`)}
        </MayButton>
      ))}
      <Confirm
        opened={decision !== undefined}
        onClose={() => {
          setDecision(undefined);
          setReason("");
        }}
        title={decision === undefined ? "" : t(`pools.decisionAsk.${decision}`)}
        action={decision === undefined ? "" : t(`pools.decision.${decision}`)}
        what={t("directory.nothingChanged")}
        danger={decision === "roll_back"}
        preview={
          decision !== undefined && (
            <Stack gap="sm">
              <Text>{t(`pools.decisionPreview.${decision}`, { from: String(r.from), applied: r.applied, nodes: r.nodes })}</Text>
              <Textarea
                label={t("pools.reason")}
                value={reason}
                onChange={(e) => setReason(e.currentTarget.value)}
                maxLength={500}
                autosize
                minRows={2}
                data-autofocus
              />
            </Stack>
          )
        }
        work={async () => {
          await pools.decideRollout({ id: r.id, decision: decision ?? "halt", reason });
          await client.invalidateQueries({ queryKey: ["Rollout"] });
        }}
      />
    </Group>
  );
}
