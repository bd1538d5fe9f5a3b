import { IconEye } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { OutcomeBadge, Pill } from "@/components/StatusBadge";
import type { Guard, GuardCall } from "@/gen/guard_pb";
import { plain } from "@/lib/plain";
import { useObjectWords } from "../audit/words";
import { PolicyLink } from "../policies/parts";
import { outcomeOf, rulesOf } from "./filter";
import classes from "./guard.module.css";
import { objectName, pageOf } from "./objects";

/** How a call ended; one that enforcement would have refused is neither good nor bad. */
export function CallOutcome({ c }: { c: Pick<GuardCall, "outcome" | "wouldRefuse"> }) {
  const { t } = useTranslation();
  const outcome = outcomeOf(c);
  if (outcome === "would_refuse") return <Pill tone="part" word={t("guard.outcome.would_refuse")} icon={IconEye} />;
  return <OutcomeBadge outcome={outcome} />;
}

/** Rules by their names, each leading to its text. */
export function Rules({ of }: { of: readonly string[] }) {
  return (
    <>
      {of.map((r) => (
        <div key={r}>
          <PolicyLink id={r} />
        </div>
      ))}
    </>
  );
}

/** The first rule of a call, and how many more; that none permits it, where it was refused by none. */
export function RuleCell({ c }: { c: GuardCall }) {
  const { t } = useTranslation();
  const rules = rulesOf(c);
  const [first] = rules;
  if (first === undefined) return c.outcome === "refused" ? <span className={classes.soft}>{t("guard.noRule")}</span> : "";
  return (
    <span title={plain(rules.join(", "))}>
      {rules.length > 1 && <span className={classes.soft}>+{rules.length - 1} </span>}
      <PolicyLink id={first} />
    </span>
  );
}

/** What a call was about: its kind, and its name, which leads to the inventory where that has it. */
export function ObjectOf({ c, underline }: { c: GuardCall; underline?: boolean }) {
  const page = pageOf(c);
  const kind = useObjectWords();
  const name = plain(objectName(c));
  const title = plain(`${c.resource?.type ?? ""} ${c.resource?.id ?? ""}`);
  return (
    <span title={title}>
      <span className={classes.soft}>{kind(c.resource?.type ?? "")}</span>{" "}
      {page === undefined ? (
        name
      ) : (
        <PageLink {...page} underline={underline ? "always" : undefined}>
          {name}
        </PageLink>
      )}
    </span>
  );
}

export function NodeOf({ of, underline }: { of: { node: string; nodeName: string }; underline?: boolean }) {
  const { t } = useTranslation();
  if (of.node === "") return <>{t("guard.noNode")}</>;
  return (
    <PageLink to="/nodes/$id" params={{ id: of.node }} underline={underline ? "always" : undefined} title={plain(of.nodeName)}>
      {plain(of.nodeName || of.node)}
    </PageLink>
  );
}

export const modes = ["enforce", "observe", "none"] as const;
export type Mode = (typeof modes)[number];
export const modeOf = (g: Guard): Mode => modes.find((m) => m === g.mode) ?? "none";
const modeTones = { enforce: "good", observe: "part", none: "bad" } as const;

export function ModeBadge({ mode }: { mode: Mode }) {
  const { t } = useTranslation();
  return <Pill tone={modeTones[mode]} word={t(`guard.mode.${mode}`)} icon={mode === "observe" ? IconEye : undefined} />;
}

export const locks = ["open", "unknown", "locked"] as const;
export type Lock = (typeof locks)[number];
export const lockOf = (g: Guard): Lock => locks.find((l) => l === g.lock) ?? "unknown";
const lockTones = { locked: "good", open: "bad", unknown: "unknown" } as const;

export function LockBadge({ lock }: { lock: Lock }) {
  const { t } = useTranslation();
  return <Pill tone={lockTones[lock]} word={t(`guard.lock.${lock}`)} />;
}
