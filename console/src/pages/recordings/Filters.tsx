import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { nodeList } from "@/api/queries";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import { FilterBar, FilterSelect, FilterText, withOwn } from "@/table/filters";
import { type RecordingSearch, ranges } from "./filter";
import classes from "./recordings.module.css";

/** What the server is asked for. It stands in the address. */
export function Filters({ search }: { search: RecordingSearch }) {
  const { t } = useTranslation();
  const replace = useReplace();
  const nodes = useQuery(nodeList(useTenant())).data?.rows ?? [];
  const set = (next: RecordingSearch) => void replace({ to: "/guard/recordings", search: (old) => ({ ...old, ...next }) });
  const known = nodes.map((n) => ({ value: n.id, label: plain(n.name) }));
  return (
    <FilterBar className={classes.filters} label={t("recordings.filters")}>
      <FilterSelect
        label={t("recordings.node")}
        any={t("recordings.any")}
        value={search.node}
        choices={withOwn(known, search.node)}
        set={(node) => set({ node })}
      />
      <FilterText
        label={t("recordings.who")}
        placeholder={t("recordings.whoHow")}
        value={search.account}
        set={(account) => set({ account })}
      />
      <FilterText
        label={t("recordings.container")}
        placeholder={t("recordings.containerHow")}
        value={search.container}
        set={(container) => set({ container })}
      />
      <FilterSelect
        label={t("recordings.when")}
        any={t("recordings.always")}
        value={search.back}
        choices={ranges.map((r) => ({ value: r, label: t(`recordings.range.${r}`) }))}
        set={(back) => set({ back })}
      />
    </FilterBar>
  );
}
