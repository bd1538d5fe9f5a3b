import { Text } from "@mantine/core";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { findingCount } from "@/api/findings";
import type { All } from "@/api/lists";
import { me, user } from "@/api/queries";
import { PageLink } from "@/components/links";
import { Result } from "@/components/Result";
import { HealthBadge, SeverityBadge, ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { ExceptionRequest, Finding } from "@/gen/fleet_pb";
import type { Node } from "@/gen/node_pb";
import type { AccessRequest, PolicyProposal } from "@/gen/policy_pb";
import { viewFilter } from "@/lib/findings";
import { lines, plain } from "@/lib/plain";
import { silenceOf } from "@/lib/silence";
import type { Moment } from "@/lib/time";
import { useWords } from "@/lib/words";
import { isOfEngine, objectName } from "../guard/objects";
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

/** The link to all of which only some are shown. */
function AllOf({ count, children }: { count: number; children: ReactNode }) {
  return count > most && <div className={classes.line}>{children}</div>;
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
                  {silenceOf(t, n.healthReason)}
                </Text>
              </span>
              <span className={classes.when}>
                <Time at={n.healthSince} />
              </span>
            </div>
          ))}
          <AllOf count={rows.length}>
            <PageLink to="/nodes" search={{ only: "health:silent" }}>
              {t("overview.allSilent", { count: rows.length })}
            </PageLink>
          </AllOf>
        </>
      )}
    </Result>
  );
}

/** What a request is about, on one line. */
const shortName = ({ resource }: AccessRequest): string =>
  isOfEngine(resource?.type) ? objectName({ name: "", nodeName: "", resource }) : (resource?.id ?? "");

/** Who asks, by name where it may be seen. */
function Asks({ r }: { r: AccessRequest }) {
  const { t } = useTranslation();
  const who = useQuery(user(r.user));
  return <>{t("overview.wants", { user: who.data?.name ?? r.user, action: r.action })}</>;
}

function Proposes({ p }: { p: PolicyProposal }) {
  const { t } = useTranslation();
  const who = useQuery(user(p.author));
  return <>{t("overview.proposes", { user: who.data?.name ?? p.author, tenant: p.tenant })}</>;
}

/** Exceptions that somebody asked for: nobody may see them who may not decide, and then nothing is shown. */
export function AskedExceptions({ of }: { of: UseQueryResult<All<ExceptionRequest>> }) {
  const { t } = useTranslation();
  const rows = of.data?.rows ?? [];
  return (
    <>
      {rows.slice(0, most).map((r) => (
        <Waits key={r.id} about={r.exception?.reason} at={r.created}>
          <PageLink to="/exceptions" fw={600}>
            {t("overview.askedException", { check: r.exception?.check ?? "" })}
          </PageLink>
        </Waits>
      ))}
      <AllOf count={rows.length}>
        <PageLink to="/exceptions">{t("overview.allAsked", { count: rows.length })}</PageLink>
      </AllOf>
    </>
  );
}

/** A line of something that waits for a person. */
function Waits({ about, at, children }: { about: ReactNode; at: Moment; children: ReactNode }) {
  return (
    <div className={classes.line}>
      <ToneIcon tone="part" size={18} />
      <span className={classes.grow}>
        {children}
        <Text c="dimmed">{about}</Text>
      </span>
      <span className={classes.when}>
        <Time at={at} />
      </span>
    </div>
  );
}

/** What waits for a second person: requests for access, and proposals of policies; quiet where something else does and this is empty. */
export function Waiting({
  of,
  proposed,
  quiet,
}: {
  of: UseQueryResult<All<AccessRequest>>;
  proposed: readonly PolicyProposal[];
  quiet: boolean;
}) {
  const { t } = useTranslation();
  return (
    <Result of={of} what={t("overview.waitingFailed")} rows={1}>
      {({ rows }) => (
        <>
          {rows.length + proposed.length === 0 && !quiet && <Fine text={t("overview.noneWaiting")} />}
          {proposed.slice(0, most).map((p) => (
            <Waits key={p.id} about={lines(p.note)} at={p.created}>
              <PageLink to="/policies/proposals/$id" params={{ id: p.id }} fw={600}>
                <Proposes p={p} />
              </PageLink>
            </Waits>
          ))}
          <AllOf count={proposed.length}>
            <PageLink to="/policies/proposals" search={{ only: "state:pending" }}>
              {t("overview.allProposed", { count: proposed.length })}
            </PageLink>
          </AllOf>
          {rows.slice(0, most).map((r) => (
            <Waits key={r.id} about={lines(r.reason)} at={r.created}>
              <PageLink to={isOfEngine(r.resource?.type) ? "/guard/approvals" : "/access"} fw={600}>
                <Asks r={r} />
              </PageLink>{" "}
              <code title={plain(r.resource?.id ?? "")}>{plain(shortName(r))}</code>
            </Waits>
          ))}
          <AllOf count={rows.length}>
            <PageLink to="/access">{t("overview.allWaiting", { count: rows.length })}</PageLink>
          </AllOf>
        </>
      )}
    </Result>
  );
}

/** Findings that nobody looked at, and those that are one's own. */
export function OpenFindings({ tenant }: { tenant: string }) {
  const { t } = useTranslation();
  const caller = useQuery(me()).data;
  const fresh = useQuery(findingCount(tenant, viewFilter("new", "")));
  const mine = useQuery(findingCount(tenant, viewFilter("mine", caller?.id ?? ""), caller !== undefined));
  const many = (of: { count: number; more: boolean }) => `${of.count}${of.more ? "+" : ""}`;
  return (
    <Result of={fresh} what={t("overview.findingsFailed")} rows={1}>
      {(f) => (
        <>
          {f.count === 0 ? (
            <Fine text={t("overview.noneNew")} />
          ) : (
            <div className={classes.line}>
              <ToneIcon tone="part" size={18} />
              <span className={classes.grow}>
                <PageLink to="/findings" search={{ view: "new" }} fw={600}>
                  {t("overview.newFindings", { count: f.count, many: many(f) })}
                </PageLink>
              </span>
            </div>
          )}
          {mine.data !== undefined && mine.data.count > 0 && (
            <div className={classes.line}>
              <ToneIcon tone="unknown" size={18} />
              <span className={classes.grow}>
                <PageLink to="/findings" search={{ view: "mine" }} fw={600}>
                  {t("overview.myFindings", { count: mine.data.count, many: many(mine.data) })}
                </PageLink>
              </span>
            </div>
          )}
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
              <span className={`${classes.grow} ${classes.brief}`}>
                <PageLink to="/nodes/$id" params={{ id: f.node }} fw={600}>
                  {f.nodeName}
                </PageLink>{" "}
                {f.subject !== "" && <code>{plain(f.subject)}</code>}{" "}
                <PageLink to="/findings/$node/$id" params={{ node: f.node, id: f.id }} c="inherit" inherit>
                  {words(f.text, f.textZh)}
                </PageLink>
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
