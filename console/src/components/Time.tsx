import { useTranslation } from "react-i18next";
import { absolute, dateOf, type Moment, relative } from "@/lib/time";
import { useNow } from "@/lib/useNow";

/** How long ago; the time with its zone is in its title, and beside it with `full`. */
export function Time({ at, full = false }: { at: Moment; full?: boolean }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const date = dateOf(at);
  if (date === undefined) return <span>{t("common.never")}</span>;
  const exact = absolute(date, i18n.language);
  return (
    <time dateTime={date.toISOString()} title={exact}>
      {full ? `${exact} · ${relative(date, now, i18n.language)}` : relative(date, now, i18n.language)}
    </time>
  );
}
