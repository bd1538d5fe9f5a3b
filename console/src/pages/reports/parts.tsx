import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { SmallTable } from "@/components/SmallTable";
import { absolute, dateOf, type Moment } from "@/lib/time";
import { useWords } from "@/lib/words";
import type { Words } from "./content";
import classes from "./Reports.module.css";

/** Most lines of a list that are drawn. */
export const most = 200;

/** A document says when, not how long ago. */
export function Exact({ at }: { at: Moment }) {
  const { i18n } = useTranslation();
  const date = dateOf(at);
  return date === undefined ? <>–</> : <time dateTime={date.toISOString()}>{absolute(date, i18n.language)}</time>;
}

export function useSay(): (w: Words) => string {
  const words = useWords();
  return (w) => words(w.en, w.zh);
}

export function Rows(p: { label: string; head: string[]; children: ReactNode }) {
  return (
    <SmallTable label={p.label} head={p.head} whole className={classes.table}>
      {p.children}
    </SmallTable>
  );
}

export function More({ n }: { n: number }) {
  const { t } = useTranslation();
  if (n <= 0) return null;
  return (
    <Text px="md" pb="sm" size="sm" c="dimmed">
      {t("reports.more", { count: n })}
    </Text>
  );
}
