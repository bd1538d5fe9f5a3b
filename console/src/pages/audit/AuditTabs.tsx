import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import classes from "./audit.module.css";
import { type AuditSearch, fields } from "./filter";

// What is current is said here: a record belongs to searching, too.
const exact = { exact: true, includeSearch: false };

/** The pages of the audit log. What is looked for goes along from searching to exporting and back. */
export function AuditTabs({ here, search = {} }: { here: "search" | "logs" | "export"; search?: AuditSearch }) {
  const { t } = useTranslation();
  const kept = Object.fromEntries(fields.map((f) => [f, search[f]]));
  const current = (tab: typeof here) => (tab === here ? ("page" as const) : undefined);
  return (
    <nav className={classes.tabs} aria-label={t("audit.pages")}>
      <Link
        to="/audit"
        search={(old) => ({ tenant: old.tenant, ...kept })}
        className={classes.tab}
        aria-current={current("search")}
        activeOptions={exact}
      >
        {t("audit.tab.search")}
      </Link>
      <Link
        to="/audit/logs"
        search={(old) => ({ tenant: old.tenant })}
        className={classes.tab}
        aria-current={current("logs")}
        activeOptions={exact}
      >
        {t("audit.tab.logs")}
      </Link>
      <Link
        to="/audit/export"
        search={(old) => ({ tenant: old.tenant, ...kept })}
        className={classes.tab}
        aria-current={current("export")}
        activeOptions={exact}
      >
        {t("audit.tab.export")}
      </Link>
    </nav>
  );
}
