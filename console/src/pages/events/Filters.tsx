import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { catalogue } from "@/api/queries";
import { severities } from "@/components/StatusBadge";
import type { Event } from "@/gen/node_pb";
import { kinds } from "@/lib/events";
import { plain } from "@/lib/plain";
import { local, timeOf, zoneName } from "@/lib/time";
import { useReplace } from "@/lib/useReplace";
import { type Choice, FilterBar, FilterSelect, withOwn } from "@/table/filters";
import classes from "./Events.module.css";
import { type EventView, ranges } from "./range";
import { useKind } from "./useColumns";

/** What the server is asked for. It stands in the address. */
export function Filters({ search, events }: { search: EventView; events: readonly Event[] }) {
  const { t } = useTranslation();
  const replace = useReplace();
  const kindWord = useKind();
  const requirements = useQuery(catalogue()).data?.requirements ?? [];
  const set = (next: EventView) => void replace({ to: "/events", search: (old) => ({ ...old, ...next }) });
  // Nodes are those of the events that are seen: to list all would be asked for again with every change of one.
  const seen = useMemo(() => new Map(events.map((e) => [e.node, e.nodeName])), [events]);
  const nodes = [...seen]
    .filter(([id]) => id !== "" && id !== search.node)
    .sort((a, b) => a[1].localeCompare(b[1]))
    .map(([value, name]) => ({ value, label: plain(name) }));
  const any = t("events.any");
  const filtered = [search.kind, search.severity, search.node, search.requirement, search.range].some((v) => v !== undefined);
  const moment = (f: "from" | "to") => (
    <TextInput
      size="xs"
      type="datetime-local"
      label={t(`events.${f}`)}
      value={local(timeOf(search[f]))}
      onChange={(e) => set({ [f]: timeOf(e.currentTarget.value)?.toISOString() })}
    />
  );
  return (
    <FilterBar className={classes.filters} label={t("events.filters")}>
      <FilterSelect
        label={t("events.kind")}
        any={any}
        value={search.kind}
        choices={withOwn(named(kinds), search.kind).map((k) => ({ ...k, label: kindWord(k.value) }))}
        set={(kind) => set({ kind })}
      />
      <FilterSelect
        label={t("findings.severity")}
        any={any}
        value={search.severity}
        choices={severities.map((s) => ({ value: s, label: t(`common.severity.${s}`) }))}
        set={(severity) => set({ severity })}
      />
      <FilterSelect
        label={t("findings.node")}
        any={any}
        value={search.node}
        choices={withOwn(nodes, search.node, seen.get(search.node ?? ""))}
        set={(node) => set({ node })}
      />
      <FilterSelect
        label={t("findings.requirement")}
        any={any}
        value={search.requirement}
        choices={withOwn(named(requirements.map((r) => r.id)), search.requirement)}
        set={(requirement) => set({ requirement })}
      />
      <FilterSelect
        label={t("events.time", { zone: zoneName() })}
        any={t("events.always")}
        value={search.range}
        choices={ranges.map((r) => ({ value: r, label: t(`events.range.${r}`) }))}
        set={(range) => set({ range, from: undefined, to: undefined })}
      />
      {search.range === "custom" && (
        <>
          {moment("from")}
          {moment("to")}
        </>
      )}
      {filtered && (
        <Button
          size="xs"
          variant="subtle"
          className={classes.clear}
          onClick={() =>
            set({
              kind: undefined,
              severity: undefined,
              node: undefined,
              requirement: undefined,
              range: undefined,
              from: undefined,
              to: undefined,
            })
          }
        >
          {t("events.clear")}
        </Button>
      )}
    </FilterBar>
  );
}

/** Values that are their own names. */
const named = (values: readonly string[]): Choice[] => values.map((value) => ({ value, label: value }));
