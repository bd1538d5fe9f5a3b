import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { catalogue } from "@/api/queries";
import { severities } from "@/components/StatusBadge";
import type { Event } from "@/gen/node_pb";
import { kinds } from "@/lib/events";
import { plain } from "@/lib/plain";
import classes from "./Events.module.css";
import { type EventView, ranges } from "./range";
import { useKind } from "./useColumns";

/** What the server is asked for. It stands in the address. */
export function Filters({ search, events }: { search: EventView; events: readonly Event[] }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const kindWord = useKind();
  const requirements = useQuery(catalogue()).data?.requirements ?? [];
  const set = (next: EventView) => void navigate({ to: "/events", search: (old) => ({ ...old, ...next }), replace: true });
  // Nodes are those of the events that are seen: to list all would be asked for again with every change of one.
  const seen = useMemo(() => new Map(events.map((e) => [e.node, e.nodeName])), [events]);
  const nodes = [...seen].filter(([id]) => id !== "" && id !== search.node).sort((a, b) => a[1].localeCompare(b[1]));
  const any = { value: "", label: t("events.any") };
  const filtered = [search.kind, search.severity, search.node, search.requirement, search.range].some((v) => v !== undefined);
  return (
    // biome-ignore lint/a11y/useSemanticElements: filters are no fieldset
    <div className={classes.filters} role="group" aria-label={t("events.filters")}>
      <NativeSelect
        size="xs"
        label={t("events.kind")}
        value={search.kind ?? ""}
        onChange={(e) => set({ kind: e.currentTarget.value || undefined })}
        data={[any, ...withOwn(kinds, search.kind).map((k) => ({ value: k, label: kindWord(k) }))]}
      />
      <NativeSelect
        size="xs"
        label={t("findings.severity")}
        value={search.severity ?? ""}
        onChange={(e) => set({ severity: e.currentTarget.value || undefined })}
        data={[any, ...severities.map((s) => ({ value: s, label: t(`common.severity.${s}`) }))]}
      />
      <NativeSelect
        size="xs"
        label={t("findings.node")}
        value={search.node ?? ""}
        onChange={(e) => set({ node: e.currentTarget.value || undefined })}
        data={[
          any,
          ...(search.node === undefined ? [] : [{ value: search.node, label: plain(seen.get(search.node) ?? search.node) }]),
          ...nodes.map(([value, name]) => ({ value, label: plain(name) })),
        ]}
      />
      <NativeSelect
        size="xs"
        label={t("findings.requirement")}
        value={search.requirement ?? ""}
        onChange={(e) => set({ requirement: e.currentTarget.value || undefined })}
        data={[
          any,
          ...withOwn(
            requirements.map((r) => r.id),
            search.requirement,
          ),
        ]}
      />
      <NativeSelect
        size="xs"
        label={t("events.time")}
        value={search.range ?? ""}
        onChange={(e) => set({ range: ranges.find((r) => r === e.currentTarget.value), from: undefined, to: undefined })}
        data={[{ value: "", label: t("events.always") }, ...ranges.map((r) => ({ value: r, label: t(`events.range.${r}`) }))]}
      />
      {search.range === "custom" && (
        <>
          <TextInput
            size="xs"
            type="datetime-local"
            label={t("events.from")}
            value={search.from ?? ""}
            onChange={(e) => set({ from: e.currentTarget.value || undefined })}
          />
          <TextInput
            size="xs"
            type="datetime-local"
            label={t("events.to")}
            value={search.to ?? ""}
            onChange={(e) => set({ to: e.currentTarget.value || undefined })}
          />
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
    </div>
  );
}

/** An address may have a value that is not among those that are known. */
function withOwn(known: readonly string[], own: string | undefined): string[] {
  return own === undefined || known.includes(own) ? [...known] : [own, ...known];
}
