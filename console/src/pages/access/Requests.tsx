import { Button, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Empty } from "@/components/Empty";
import { Pill, type Tone } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { Who } from "@/components/Who";
import type { AccessRequest } from "@/gen/policy_pb";
import { lines, plain } from "@/lib/plain";
import classes from "../policies/Policies.module.css";
import type { DecisionKind } from "./Decision";
import { RequestObject } from "./RequestObject";

const states = ["pending", "approved", "denied", "revoked", "expired"] as const;
const tones = { pending: "part", approved: "good", denied: "bad", revoked: "off", expired: "off" } as const satisfies Record<
  string,
  Tone
>;

const most = 50;

/** Requests for access, each with what can be done about it. */
export function Requests(p: {
  rows: readonly AccessRequest[];
  own?: boolean;
  none: string;
  how: string;
  /** What helps where there is none. */
  children?: ReactNode;
  actions: [kind: DecisionKind, open: (r: AccessRequest) => void][];
}) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  if (p.rows.length === 0) {
    return (
      <Empty title={p.none} how={p.how}>
        {p.children}
      </Empty>
    );
  }
  return (
    <ul className={classes.lines}>
      {(all ? p.rows.slice(0, 1000) : p.rows.slice(0, most)).map((r) => (
        <Request key={r.id} r={r} own={p.own ?? false} actions={p.actions} />
      ))}
      {p.rows.length > most && !all && (
        <li className={classes.line}>
          <Button size="compact-sm" variant="default" onClick={() => setAll(true)}>
            {t("common.allOf", { count: p.rows.length })}
          </Button>
        </li>
      )}
    </ul>
  );
}

function Request({ r, own, actions }: { r: AccessRequest; own: boolean; actions: [DecisionKind, (r: AccessRequest) => void][] }) {
  const { t } = useTranslation();
  const state = states.find((s) => s === r.state) ?? "expired";
  const live = state === "pending" || state === "approved";
  const minutes = Math.round(Number(r.duration?.seconds ?? 0n) / 60);
  return (
    <li className={`${classes.line} ${classes.request}`}>
      <div className={classes.grow}>
        <Pill tone={tones[state]} word={t(`access.state.${state}`)} />{" "}
        {!own && (
          <strong>
            <Who id={r.user} />{" "}
          </strong>
        )}
        <code>{plain(r.action)}</code> <RequestObject of={r} />
        <Text>{lines(r.reason)}</Text>
        <Text size="xs" c="dimmed">
          {t("access.for", { count: minutes })}
          {live && (
            <>
              {" · "}
              {state === "pending" ? t("access.answerBy") : t("access.until")} <Time at={r.expires} />
            </>
          )}
          {r.approver !== "" && (
            <>
              {" · "}
              {t("access.decidedBy")} <Who id={r.approver} />
            </>
          )}
          {r.note !== "" && ` · ${lines(r.note)}`}
        </Text>
      </div>
      <span className={classes.when}>
        <Time at={r.created} />
      </span>
      {live &&
        actions.map(([kind, open]) => (
          <Button
            key={kind}
            size="compact-sm"
            variant={kind === "approve" ? "filled" : "default"}
            aria-label={t("access.act", {
              what: t(`access.decision.${kind}.action`),
              action: r.action,
              object: r.resource?.id ?? "",
            })}
            onClick={() => open(r)}
          >
            {t(`access.decision.${kind}.action`)}
          </Button>
        ))}
    </li>
  );
}
