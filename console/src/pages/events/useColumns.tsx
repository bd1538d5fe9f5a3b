import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { SeverityBadge, StatusBadge, severities, severityOf, stateOfRequirement } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { type EventLine, kindOf, momentOf } from "@/lib/events";
import { plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import type { Column } from "@/table/columns";

/** useKind says a kind of event in words; one that is not known is shown as it is. */
export function useKind(): (kind: string) => string {
  const { t } = useTranslation();
  return (kind) => {
    const known = kindOf(kind);
    return known === undefined ? plain(kind) : t(`events.kinds.${known}`);
  };
}

export function useColumns(): Column<EventLine>[] {
  const { t } = useTranslation();
  const words = useWords();
  const kindWord = useKind();
  // biome-ignore lint/correctness/useExhaustiveDependencies: kindWord changes with t
  return useMemo(
    (): Column<EventLine>[] => [
      {
        id: "time",
        header: t("events.when"),
        value: (l) => new Date(momentOf(l.last)),
        cell: (l) => <Time at={l.last.time} />,
        min: 105,
        grow: 0.6,
      },
      {
        id: "severity",
        header: t("findings.severity"),
        value: (l) => severityOf(l.last.severity),
        cell: (l) => <SeverityBadge severity={l.last.severity} />,
        word: (v) => t(`common.severity.${severityOf(v)}`),
        order: severities,
        min: 100,
        grow: 0.5,
      },
      {
        id: "text",
        header: t("events.what"),
        value: (l) =>
          l.last.kind === "status"
            ? `${t(`common.status.${stateOfRequirement(l.last.before)}`)} → ${t(`common.status.${stateOfRequirement(l.last.after)}`)} ${words(l.last.text, l.last.textZh)}`
            : words(l.last.text, l.last.textZh),
        cell: (l) =>
          l.last.kind === "status" ? (
            <span title={words(l.last.text, l.last.textZh)}>
              <StatusBadge status={l.last.before} /> <span aria-hidden>→</span>
              <span className="hidden-text">{t("common.became")}</span> <StatusBadge status={l.last.after} />{" "}
              {words(l.last.text, l.last.textZh)}
            </span>
          ) : undefined,
        min: 280,
        grow: 4,
      },
      {
        id: "count",
        header: t("events.count"),
        value: (l) => l.events.length,
        cell: (l) => (l.events.length > 1 ? `× ${l.events.length}` : ""),
        numeric: true,
        min: 70,
        grow: 0.3,
      },
      {
        id: "node",
        header: t("findings.node"),
        value: (l) => (l.nodes > 1 ? t("findings.onNodes", { count: l.nodes }) : plain(l.last.nodeName)),
        cell: (l) =>
          l.nodes > 1 || l.last.node === "" ? undefined : (
            <PageLink to="/nodes/$id" params={{ id: l.last.node }} title={plain(l.last.nodeName)}>
              {plain(l.last.nodeName)}
            </PageLink>
          ),
        min: 130,
      },
      {
        id: "requirement",
        header: t("findings.requirement"),
        value: (l) => l.last.requirement,
        cell: (l) =>
          l.last.requirement !== "" && (
            <PageLink to="/requirements/$id" params={{ id: l.last.requirement }} search={l.nodes > 1 ? {} : { node: l.last.node }}>
              {l.last.requirement}
            </PageLink>
          ),
        min: 105,
        grow: 0.5,
      },
      { id: "kind", header: t("events.kind"), value: (l) => kindWord(l.last.kind), min: 130, grow: 0.8 },
      { id: "tenant", header: t("nodes.tenant"), value: (l) => l.last.tenant, hidden: true, min: 100 },
    ],
    [t, words],
  );
}
