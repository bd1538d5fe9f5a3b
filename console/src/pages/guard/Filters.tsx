import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { guardList } from "@/api/guard";
import type { GuardCall } from "@/gen/guard_pb";
import { ages, usual } from "@/lib/ages";
import { plain } from "@/lib/plain";
import { useTenant } from "@/shell/scope";
import { type Choice, FilterBar, FilterSelect, withOwn } from "@/table/filters";
import { useActionWords } from "../audit/words";
import { type CallSearch, narrowing, outcomes } from "./filter";
import classes from "./guard.module.css";
import { objectName } from "./objects";

const most = 100;

/** What the server is asked for. It stands in the address. */
export function Filters({ search, calls, set }: { search: CallSearch; calls: readonly GuardCall[]; set: (s: CallSearch) => void }) {
  const { t } = useTranslation();
  const words = useActionWords();
  const guards = useQuery(guardList(useTenant())).data?.rows ?? [];
  const seen = useMemo(() => seenIn(calls), [calls]);
  const nodes = guards.map((g) => ({ value: g.node, label: plain(g.nodeName) }));
  const object = search.object === undefined ? "" : keyOf(search.type, search.object);
  const select = (label: string, value: string | undefined, choices: Choice[], apply: (v: string | undefined) => void) => (
    <FilterSelect label={label} any={t("guard.any")} value={value} choices={withOwn(choices, value)} set={apply} />
  );
  return (
    <FilterBar className={classes.filters} label={t("guard.filters")}>
      <NativeSelect
        size="xs"
        label={t("guard.span")}
        value={search.since ?? usual}
        onChange={(e) => {
          const age = ages.find((a) => a === e.currentTarget.value);
          set({ since: age === usual ? undefined : age });
        }}
        data={ages.map((a) => ({ value: a, label: t(`guard.age.${a}`) }))}
      />
      {select(
        t("guard.outcomeHead"),
        search.outcome,
        outcomes.map((o) => ({
          value: o,
          label: o === "would_refuse" ? t("guard.outcome.would_refuse") : t(`common.outcome.${o}`),
        })),
        (v) => set({ outcome: outcomes.find((o) => o === v) }),
      )}
      {select(t("guard.node"), search.node, nodes, (node) => set({ node }))}
      {select(t("guard.person"), search.actor, seen.people, (actor) => set({ actor }))}
      {select(
        t("guard.action"),
        search.action,
        withOwn(seen.actions, search.action).map((a) => ({ ...a, label: words(a.value) })),
        (action) => set({ action }),
      )}
      {select(t("guard.object"), object || undefined, seen.objects, (v) => {
        const [type, id] = v === undefined ? [] : splitKey(v);
        set({ type, object: id });
      })}
      {search.rule !== undefined && select(t("guard.rule"), search.rule, [], (rule) => set({ rule }))}
      {narrowing.some((n) => search[n] !== undefined) && (
        <Button
          size="xs"
          variant="subtle"
          className={classes.clear}
          onClick={() => set(Object.fromEntries(narrowing.map((n) => [n, undefined])))}
        >
          {t("guard.clear")}
        </Button>
      )}
    </FilterBar>
  );
}

const keyOf = (type: string | undefined, id: string): string => `${type ?? ""} ${id}`;

function splitKey(key: string): [type: string | undefined, id: string] {
  const at = key.indexOf(" ");
  return [key.slice(0, at) || undefined, key.slice(at + 1)];
}

/** Who, what and to what, among the calls that are there: the most frequent first. */
function seenIn(calls: readonly GuardCall[]): Record<"people" | "actions" | "objects", Choice[]> {
  const count = (of: (c: GuardCall) => Choice | undefined): Choice[] => {
    const found = new Map<string, { label: string; n: number }>();
    for (const c of calls) {
      const choice = of(c);
      if (choice === undefined || choice.value === "") continue;
      const before = found.get(choice.value);
      if (before === undefined) found.set(choice.value, { label: choice.label, n: 1 });
      else before.n++;
    }
    return [...found]
      .sort((a, b) => b[1].n - a[1].n)
      .slice(0, most)
      .map(([value, { label }]) => ({ value, label: plain(label).slice(0, 60) }));
  };
  return {
    people: count((c) => ({ value: c.actor, label: c.actorName || c.actor })),
    actions: count((c) => ({ value: c.action, label: c.action })),
    objects: count((c) =>
      c.resource === undefined
        ? undefined
        : { value: keyOf(c.resource.type, c.resource.id), label: `${c.resource.type} ${objectName(c)}` },
    ),
  };
}
