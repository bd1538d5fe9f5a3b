import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { me, pendingRequests } from "@/api/queries";
import { useTenant } from "@/shell/scope";
import classes from "./guard.module.css";
import { isOfEngine } from "./objects";

const tabs = [
  { name: "calls", to: "/guard" },
  { name: "refused", to: "/guard/refused" },
  { name: "enforce", to: "/guard/enforce" },
  { name: "approvals", to: "/guard/approvals" },
  { name: "recordings", to: "/guard/recordings" },
] as const;
export type Tab = (typeof tabs)[number]["name"];

/** The pages of the engine's guard. How many requests wait for whoever is signed in stands on their tab. */
export function GuardTabs({ here }: { here: Tab }) {
  const { t } = useTranslation();
  const waiting = useWaiting();
  return (
    <nav className={classes.tabs} aria-label={t("guard.pages")}>
      {tabs.map(({ name, to }) => (
        <Link
          key={name}
          to={to}
          search={(old) => ({ tenant: old.tenant })}
          className={classes.tab}
          aria-current={name === here ? "page" : undefined}
          activeOptions={{ exact: true, includeSearch: false }}
        >
          {t(`guard.tab.${name}`)}
          {name === "approvals" && waiting > 0 && (
            <>
              {" "}
              <span className={classes.count} aria-hidden>
                {waiting}
              </span>
              <span className="hidden-text">{t("guard.waitingCount", { count: waiting })}</span>
            </>
          )}
        </Link>
      ))}
    </nav>
  );
}

/** How many requests for things of engines wait for a decision of whoever is signed in. */
function useWaiting(): number {
  const tenant = useTenant();
  const own = useQuery(me()).data?.id;
  const pending = useQuery(pendingRequests(tenant)).data?.rows ?? [];
  return pending.filter((r) => isOfEngine(r.resource?.type) && r.user !== own).length;
}
