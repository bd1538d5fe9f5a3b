import { useTranslation } from "react-i18next";
import { Pill } from "@/components/StatusBadge";
import { useNow } from "@/lib/useNow";
import { daysLeft } from "./days";

/** When an exception ends, where that is near or over; nothing while it is far. */
export function Ends({ expires, always = false }: { expires: string; always?: boolean }) {
  const { t } = useTranslation();
  const left = daysLeft(expires, useNow());
  if (left < 0) return <Pill tone="off" word={t("exceptions.over")} />;
  if (left === 0) return <Pill tone="part" word={t("exceptions.today")} />;
  if (left > 14 && !always) return null;
  return <Pill tone={left <= 14 ? "part" : "unknown"} word={t("exceptions.inDays", { count: left })} />;
}
