import { Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { info } from "@/api/queries";
import { AuditLink } from "@/components/AuditLink";
import classes from "./audit.module.css";

/** Says that changes go through without being in the log yet. */
export function GlassNotice() {
  const { t } = useTranslation();
  const of = useQuery(info());
  if (of.data?.breakGlass !== true) return null;
  return (
    <div className={classes.verdict} data-result="bad" role="alert">
      <IconAlertTriangle size={20} aria-hidden />
      <div>
        <Text fw={600}>{t("audit.glass.title")}</Text>
        <Text>{t("audit.glass.text")}</Text>
        <AuditLink of={{ action: "BreakGlassOpened" }}>{t("audit.glass.who")}</AuditLink>
      </div>
    </div>
  );
}
