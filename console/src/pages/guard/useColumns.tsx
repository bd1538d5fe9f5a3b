import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { GuardCall } from "@/gen/guard_pb";
import { plain } from "@/lib/plain";
import type { Column } from "@/table/columns";
import { moment } from "@/table/moment";
import { useActionWords, useObjectWords } from "../audit/words";
import { outcomeOf, outcomes, rulesOf } from "./filter";
import classes from "./guard.module.css";
import { objectName } from "./objects";
import { CallOutcome, NodeOf, ObjectOf, RuleCell } from "./parts";

/** The columns of calls: when, how it ended, who did what to which object where, and the rule. */
export function useColumns(): Column<GuardCall>[] {
  const { t } = useTranslation();
  const words = useActionWords();
  const kind = useObjectWords();
  // biome-ignore lint/correctness/useExhaustiveDependencies: words and kind change with t
  return useMemo(
    (): Column<GuardCall>[] => [
      {
        id: "time",
        header: t("guard.when"),
        ...moment((c: GuardCall) => c.time),
        min: 105,
        grow: 0.2,
      },
      {
        id: "outcome",
        header: t("guard.outcomeHead"),
        value: (c) => outcomeOf(c),
        cell: (c) => <CallOutcome c={c} />,
        word: (v) => (v === "would_refuse" ? t("guard.outcome.would_refuse") : t(`common.outcome.${v as "allowed"}`)),
        order: outcomes,
        groups: true,
        min: 170,
        grow: 0.2,
      },
      {
        id: "person",
        header: t("guard.person"),
        value: (c) => plain(c.actorName || c.actor),
        cell: (c) => (c.actor === "" && c.actorName === "" ? <span className={classes.soft}>{t("guard.nobody")}</span> : undefined),
        groups: true,
        min: 110,
        grow: 0.8,
      },
      {
        id: "action",
        header: t("guard.action"),
        value: (c) => words(c.action),
        cell: (c) => <span title={plain(`${c.action}: ${c.call}`)}>{words(c.action)}</span>,
        groups: true,
        min: 175,
        grow: 0.6,
      },
      {
        id: "object",
        header: t("guard.object"),
        value: (c) => `${kind(c.resource?.type ?? "")} ${plain(objectName(c))}`,
        cell: (c) => <ObjectOf c={c} />,
        groups: true,
        min: 160,
        grow: 1.4,
      },
      {
        id: "node",
        header: t("guard.node"),
        value: (c) => plain(c.nodeName || c.node),
        cell: (c) => <NodeOf of={c} />,
        groups: true,
        min: 110,
        grow: 0.8,
      },
      {
        id: "rule",
        header: t("guard.rule"),
        value: (c) => plain(rulesOf(c).join(", ")),
        cell: (c) => <RuleCell c={c} />,
        groups: true,
        min: 255,
        grow: 1.4,
      },
      { id: "reason", header: t("guard.why"), value: (c) => plain(c.reason), min: 200, grow: 1.8, hidden: true },
      { id: "remedy", header: t("guard.passes"), value: (c) => plain(c.remedy), min: 200, grow: 1.8, hidden: true },
      { id: "call", header: t("guard.call"), value: (c) => plain(c.call), min: 170, hidden: true },
      { id: "requirement", header: t("guard.requirement"), value: (c) => c.requirement, groups: true, min: 90, hidden: true },
      { id: "tenant", header: t("guard.tenant"), value: (c) => c.tenant, groups: true, min: 100, hidden: true },
      { id: "id", header: t("guard.record"), value: (c) => plain(c.id), min: 200, hidden: true },
    ],
    [t],
  );
}
