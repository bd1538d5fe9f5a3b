import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { policySet, policyVersions, proposalList } from "@/api/policies";
import { Empty } from "@/components/Empty";
import { ButtonLink, PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import { Who } from "@/components/Who";
import { Editor } from "@/editor/Editor";
import type { PolicySet } from "@/gen/policy_pb";
import { lines, plain } from "@/lib/plain";
import classes from "./Policies.module.css";
import { lineOf } from "./places";
import { usePolicyTenant } from "./tenant";

/** The policies in force: files, who put them there, and the versions before. */
export function Policies() {
  const { t } = useTranslation();
  const tenant = usePolicyTenant();
  const set = useQuery(policySet(tenant));
  const waiting = useQuery(proposalList(tenant, 'state = "pending"'));
  const pending = waiting.data?.rows.length ?? 0;
  return (
    <Page
      title={t("policies.title")}
      about={t("policies.about")}
      actions={
        <>
          <ButtonLink to="/policies/ask" variant="default">
            {t("policies.ask")}
          </ButtonLink>
          <ButtonLink to="/policies/proposals" variant="default">
            {pending > 0 ? t("policies.proposalsWaiting", { count: pending }) : t("policies.proposals")}
          </ButtonLink>
          <ButtonLink to="/policies/edit">{t("policies.edit")}</ButtonLink>
        </>
      }
    >
      <Result of={set} what={t("policies.failed")} rows={10}>
        {(s) => (
          <>
            <Panel title={t("policies.inForce", { tenant: plain(s.tenant) })}>
              <Standing s={s} />
            </Panel>
            <Files s={s} />
            <Versions tenant={tenant} now={s.version} />
          </>
        )}
      </Result>
    </Page>
  );
}

/** Which version it is, and who is behind it. */
export function Standing({ s }: { s: PolicySet }) {
  const { t } = useTranslation();
  if (s.version === 0n) return <Text c="dimmed">{t("policies.onlyShipped")}</Text>;
  return (
    <Facts
      of={[
        [t("policies.version"), String(s.version)],
        [t("policies.author"), <Who key="a" id={s.author} />],
        [
          t("policies.approver"),
          s.approver === "" ? (
            <Text key="n" span c="dimmed">
              {t("policies.alone")}
            </Text>
          ) : (
            <PageLink key="p" to="/policies/proposals/$id" params={{ id: s.proposal }}>
              <Who id={s.approver} />
            </PageLink>
          ),
        ],
        [t("policies.since"), <Time key="t" at={s.created} full />],
        [t("policies.note"), lines(s.note) || "–"],
        [t("policies.digest"), <code key="d">{s.digest.slice(0, 16)}…</code>],
      ]}
    />
  );
}

function Files({ s }: { s: PolicySet }) {
  const { t } = useTranslation();
  const search = useSearch({ from: "/policies" });
  const all = [
    ...s.files.map((f) => ({ key: f.name, name: f.name, text: f.text, own: true })),
    ...s.shipped.map((f) => ({ key: `shipped/${f.name}`, name: f.name, text: f.text, own: false })),
  ];
  const chosen = all.find((f) => f.key === search.file) ?? all[0];
  const line = chosen === undefined || search.policy === undefined ? 0 : lineOf(chosen.text, search.policy);
  const list = (own: boolean) =>
    all
      .filter((f) => f.own === own)
      .map((f) => (
        <li key={f.key}>
          <PageLink
            to="/policies"
            search={(old) => ({ tenant: old.tenant, file: f.key })}
            className={classes.name}
            underline="never"
            aria-current={f === chosen ? "true" : undefined}
            resetScroll={false}
          >
            {plain(f.name)}
          </PageLink>
        </li>
      ));
  return (
    <div className={classes.split}>
      <Panel title={t("policies.files")} flush>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached with the keyboard */}
        <ul className={classes.names} tabIndex={0} aria-label={t("policies.files")}>
          <li className={classes.group}>{t("policies.own")}</li>
          {s.files.length === 0 && <li className={classes.name}>{t("policies.noOwn")}</li>}
          {list(true)}
          <li className={classes.group}>{t("policies.shipped")}</li>
          {list(false)}
        </ul>
      </Panel>
      {chosen !== undefined && (
        <Panel
          title={plain(chosen.name)}
          flush
          aside={
            <Text size="xs" c="dimmed">
              {chosen.own ? t("policies.ofTenant", { tenant: plain(s.tenant) }) : t("policies.cantChange")}
            </Text>
          }
        >
          <Editor name={chosen.name} label={chosen.name} value={chosen.text} line={line} visit={line} />
        </Panel>
      )}
    </div>
  );
}

function Versions({ tenant, now }: { tenant: string; now: bigint }) {
  const { t } = useTranslation();
  const versions = useQuery(policyVersions(tenant));
  return (
    <Panel title={t("policies.versions")} flush>
      <Result of={versions} what={t("policies.versionsFailed")} rows={2}>
        {({ rows, more }) =>
          rows.length === 0 ? (
            <Empty title={t("policies.noVersions")} how={t("policies.noVersionsHow")}>
              <ButtonLink to="/policies/edit">{t("policies.edit")}</ButtonLink>
            </Empty>
          ) : (
            <ul className={classes.lines}>
              {rows.map((v) => (
                <li key={String(v.version)} className={classes.line}>
                  <div className={classes.grow}>
                    <PageLink to="/policies/versions/$version" params={{ version: String(v.version) }} fw={600}>
                      {t("policies.versionN", { version: String(v.version) })}
                    </PageLink>{" "}
                    {v.version === now && <Text span>{t("policies.isInForce")} </Text>}
                    <Text span c="dimmed">
                      {t("policies.from")} <Who id={v.author} />
                      {v.approver !== "" && (
                        <>
                          {", "}
                          {t("policies.approvedBy")} <Who id={v.approver} />
                        </>
                      )}
                    </Text>
                    {v.note !== "" && <Text>{lines(v.note)}</Text>}
                  </div>
                  <span className={classes.when}>
                    <Time at={v.created} />
                  </span>
                </li>
              ))}
              {more && <li className={classes.line}>{t("policies.moreVersions")}</li>}
            </ul>
          )
        }
      </Result>
    </Panel>
  );
}
