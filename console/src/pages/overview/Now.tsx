import { Text } from "@mantine/core";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { All } from "@/api/lists";
import { user } from "@/api/queries";
import { PageLink } from "@/components/links";
import { Result } from "@/components/Result";
import { HealthBadge, SeverityBadge, ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { ExceptionRequest, Finding } from "@/gen/fleet_pb";
import type { Node } from "@/gen/node_pb";
import type { AccessRequest } from "@/gen/policy_pb";
import { plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import classes from "./Overview.module.css";

const most = 6;

function Fine({ text }: { text: string }) {
  return (
    <div className={classes.line}>
      <ToneIcon tone="good" size={18} />
      <span className={classes.grow}>{text}</span>
    </div>
  );
}

/** Nodes that nobody hears of, with the reason. */
export function SilentNodes({ of }: { of: UseQueryResult<All<Node>> }) {
  const { t } = useTranslation();
  return (
    <Result of={of} what={t("overview.silentFailed")} rows={1}>
      {({ rows }) => (
        <>
          {rows.length === 0 && <Fine text={t("overview.noneSilent")} />}
          {rows.slice(0, most).map((n) => (
            <div key={n.id} className={classes.line}>
              <HealthBadge health={n.health} />
              <span className={classes.grow}>
                <PageLink to="/nodes/$id" params={{ id: n.id }} fw={600}>
                  {n.name}
                </PageLink>{" "}
                <Text span c="dimmed">
                  {n.healthReason}
                </Text>
              </span>
              <span className={classes.when}>
                <Time at={n.healthSince} />
              </span>
            </div>
          ))}
          {rows.length > most && (
            <div className={classes.line}>
              <PageLink to="/nodes" search={{ only: "health:silent" }}>
                {t("overview.allSilent", { count: rows.length })}
              </PageLink>
            </div>
          )}
        </>
      )}
    </Result>
  );
}

/** Who asks, by name where it may be seen. */
function Asks({ r }: { r: AccessRequest }) {
  const { t } = useTranslation();
  const who = useQuery(user(r.user));
  return <>{t("overview.wants", { user: who.data?.name ?? r.user, action: r.action })}</>;
}

/** Exceptions that somebody asked for: nobody may see them who may not decide, and then nothing is shown. */
export function AskedExceptions({ of }: { of: UseQueryResult<All<ExceptionRequest>> }) {
  const { t } = useTranslation();
  return of.data?.rows.slice(0, most).map((r) => (
    <div key={r.id} className={classes.line}>
      <ToneIcon tone="part" size={18} />
      <span className={classes.grow}>
        <PageLink to="/exceptions" fw={600}>
          {t("overview.askedException", { check: r.exception?.check ?? "" })}
        </PageLink>
        <Text c="dimmed">{r.exception?.reason}</Text>
      </span>
      <span className={classes.when}>
        <Time at={r.created} />
      </span>
    </div>
  ));
}

/** What waits for a second person; quiet where something else does and this is empty. */
export function Waiting({ of, quiet }: { of: UseQueryResult<All<AccessRequest>>; quiet: boolean }) {
  const { t } = useTranslation();
  return (
    <Result of={of} what={t("overview.waitingFailed")} rows={1}>
      {({ rows }) => (
        <>
          {rows.length === 0 && !quiet && <Fine text={t("overview.noneWaiting")} />}
          {rows.slice(0, most).map((r) => (
            <div key={r.id} className={classes.line}>
              <ToneIcon tone="part" size={18} />
              <span className={classes.grow}>
                <Asks r={r} /> <code>{r.resource?.id}</code>
                <Text c="dimmed">{r.reason}</Text>
              </span>
              <span className={classes.when}>
                <Time at={r.created} />
              </span>
            </div>
          ))}
        </>
      )}
    </Result>
  );
}

export function NewestFindings({ of }: { of: UseQueryResult<All<Finding>> }) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <Result of={of} what={t("overview.findingsFailed")}>
      {({ rows }) => (
        <>
          {rows.length === 0 && <Fine text={t("overview.noFindings")} />}
          {rows.map((f) => (
            <div key={f.id} className={classes.line}>
              <SeverityBadge severity={f.severity} />
              <span className={classes.grow}>
                <PageLink to="/nodes/$id" params={{ id: f.node }} fw={600}>
                  {f.nodeName}
                </PageLink>{" "}
                {f.subject !== "" && <code>{plain(f.subject)}</code>} {words(f.text, f.textZh)}
              </span>
              <span className={classes.when}>
                <Time at={f.first} />
              </span>
            </div>
          ))}
        </>
      )}
    </Result>
  );
}
