import { useTranslation } from "react-i18next";
import type { Event } from "@/gen/node_pb";
import { findingsOf } from "@/lib/findings";
import { useWords } from "@/lib/words";
import classes from "./EventLines.module.css";
import { PageLink } from "./links";
import { SeverityBadge, StatusBadge } from "./StatusBadge";
import { Time } from "./Time";

/** What happened, the newest first. */
export function EventLines({ events, nodes = true }: { events: readonly Event[]; nodes?: boolean }) {
  return (
    <ul className={classes.list}>
      {events.map((e) => (
        <li key={e.id} className={classes.line}>
          <span className={classes.mark}>
            <SeverityBadge severity={e.severity} />
          </span>
          <span className={classes.text}>
            {nodes && e.nodeName !== "" && (
              <PageLink to="/nodes/$id" params={{ id: e.node }} fw={600}>
                {e.nodeName}
              </PageLink>
            )}{" "}
            <What e={e} />
          </span>
          <span className={classes.when}>
            <Time at={e.time} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function What({ e }: { e: Event }) {
  const words = useWords();
  const found = findingsOf(e);
  if (e.kind === "status") return <Changed e={e} />;
  if (found === undefined) return words(e.text, e.textZh);
  return (
    <PageLink to="/findings" search={found}>
      {words(e.text, e.textZh)}
    </PageLink>
  );
}

/** A requirement that has another status than before; why, its page says. */
function Changed({ e }: { e: Event }) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <>
      <PageLink to="/requirements/$id" params={{ id: e.requirement }} search={{ node: e.node }} title={words(e.text, e.textZh)}>
        {e.requirement}
      </PageLink>{" "}
      <span className={classes.change}>
        <StatusBadge status={e.before} />
        <span role="img" aria-label={t("common.became")}>
          →
        </span>
        <StatusBadge status={e.after} />
      </span>
    </>
  );
}
