import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { OutcomeBadge } from "@/components/StatusBadge";
import type { Record as AuditRecord } from "@/gen/audit_pb";
import { plain } from "@/lib/plain";
import { absolute, dateOf } from "@/lib/time";
import classes from "./audit.module.css";
import { useActionWords } from "./words";

/** Records, the newest first, day by day. */
export function RecordList({ records }: { records: readonly AuditRecord[] }) {
  const { i18n } = useTranslation();
  const day = new Intl.DateTimeFormat(i18n.language, { dateStyle: "full" });
  const days = new Map<string, AuditRecord[]>();
  for (const r of records) {
    const at = dateOf(r.time);
    const name = at === undefined ? "–" : day.format(at);
    const of = days.get(name);
    if (of === undefined) days.set(name, [r]);
    else of.push(r);
  }
  return (
    <>
      {[...days].map(([name, of]) => (
        <section key={name} aria-label={name}>
          <h3 className={classes.day}>{name}</h3>
          <ol className={classes.list}>
            {of.map((r) => (
              <Row key={r.id} r={r} />
            ))}
          </ol>
        </section>
      ))}
    </>
  );
}

function Row({ r }: { r: AuditRecord }) {
  const { t, i18n } = useTranslation();
  const words = useActionWords();
  const at = dateOf(r.time);
  const clock = new Intl.DateTimeFormat(i18n.language, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const who = plain(r.actorName || r.actor);
  return (
    <li className={classes.row}>
      <span className={classes.when}>
        {at !== undefined && (
          <time dateTime={at.toISOString()} title={absolute(at, i18n.language)}>
            {clock.format(at)}
          </time>
        )}
      </span>
      <span className={classes.badge}>
        <OutcomeBadge outcome={r.outcome} />
      </span>
      <span className={classes.what}>
        <PageLink to="/audit/records/$" params={{ _splat: r.id }} fw={600} title={r.action}>
          {words(r.action)}
        </PageLink>
      </span>
      <span className={classes.who}>
        {who === "" ? (
          <span className={classes.type}>{t("audit.nobody")}</span>
        ) : (
          <PageLink
            to="/audit"
            search={(old) => ({ ...old, actor: r.actor || r.actorName })}
            className={classes.quiet}
            title={t("audit.only", { what: who })}
          >
            {who}
          </PageLink>
        )}
      </span>
      <span className={classes.to}>
        {r.resource !== undefined && r.resource.type !== "" && (
          <>
            <span className={classes.type}>{plain(r.resource.type)}</span>{" "}
            <PageLink
              to="/audit"
              search={(old) => ({ ...old, type: r.resource?.type, resource: r.resource?.id || undefined })}
              className={classes.quiet}
              title={t("audit.only", { what: plain(r.resource.id) })}
            >
              {plain(r.resource.id)}
            </PageLink>
          </>
        )}
      </span>
      {r.reason !== "" && r.outcome !== "allowed" && <span className={classes.why}>{plain(r.reason)}</span>}
    </li>
  );
}
