import { Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Facts, Panel } from "@/components/Page";
import { Summary } from "@/components/Picture";
import { ScrollTable } from "@/components/ScrollTable";
import {
  HealthBadge,
  SeverityBadge,
  StatusBadge,
  severities,
  stateOfRequirement,
  statuses,
  ToneIcon,
  toneOfStatus,
} from "@/components/StatusBadge";
import type { Report } from "@/gen/report_pb";
import { plain } from "@/lib/plain";
import { absolute, dateOf, type Moment } from "@/lib/time";
import { useWords } from "@/lib/words";
import { VerdictBadge } from "@/pages/requirements/Proofs";
import type { ReportContent, ReportRequirement, Words } from "./content";
import { EvidenceText } from "./EvidenceText";
import classes from "./Reports.module.css";

const most = 200; // nodes that are drawn

/** What a report says. */
export function Body({ r, c }: { r: Report; c: ReportContent }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <>
      <Panel title={t("reports.summary")}>
        <Summary counts={c.summary} />
        <div className={classes.facts}>
          <Facts
            of={[
              [t("reports.asOfLong"), <Exact key="a" at={r.asOf} />],
              [t("reports.sinceLong"), <Exact key="s" at={r.since} />],
              [t("reports.madeBy"), plain(r.authorName)],
              [t("reports.madeAt"), <Exact key="m" at={r.created} />],
              [t("reports.scope"), say(c.scope.words)],
              [t("reports.nodes"), String(c.nodes_assessed)],
              [t("reports.version"), c.product],
            ]}
          />
          <Text size="xs" c="dimmed" mt="sm">
            {t("reports.digest")}: <code>{r.files.find((f) => f.format === "json")?.sha256}</code>
          </Text>
        </div>
      </Panel>
      <Panel title={t("reports.notKnown")}>
        {c.not_known.length === 0 ? (
          <Text>{t("reports.allKnown")}</Text>
        ) : (
          <ul className={classes.notes}>
            {c.not_known.map((n) => (
              <li key={n.en}>{say(n)}</li>
            ))}
          </ul>
        )}
      </Panel>
      <RequirementTable c={c} />
      <Failing c={c} />
      <Happened c={c} />
      <Proved c={c} />
      <Nodes c={c} />
      <Panel title={t("reports.audit")} flush>
        <Text p="md" pb={0} c="dimmed" size="sm">
          {t("reports.auditHow")}
        </Text>
        <Rows label={t("reports.audit")} head={[t("reports.log"), t("reports.size"), t("reports.root")]}>
          {c.audit.map((a) => (
            <Table.Tr key={a.origin}>
              <Table.Td>{a.origin}</Table.Td>
              <Table.Td>{a.size}</Table.Td>
              <Table.Td>
                <code>{a.root}</code>
              </Table.Td>
            </Table.Tr>
          ))}
        </Rows>
      </Panel>
    </>
  );
}

/** A document says when, not how long ago. */
function Exact({ at }: { at: Moment }) {
  const { i18n } = useTranslation();
  const date = dateOf(at);
  return date === undefined ? <>–</> : <time dateTime={date.toISOString()}>{absolute(date, i18n.language)}</time>;
}

export function useSay(): (w: Words) => string {
  const words = useWords();
  return (w) => words(w.en, w.zh);
}

function Rows({ label, head, children }: { label: string; head: string[]; children: ReactNode }) {
  return (
    <ScrollTable label={label} whole>
      <Table className={classes.table}>
        <Table.Thead>
          <Table.Tr>
            {head.map((h) => (
              <Table.Th key={h}>{h}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </ScrollTable>
  );
}

function RequirementTable({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <Panel title={t("reports.requirements")} flush>
      <Rows
        label={t("reports.requirements")}
        head={[t("reports.requirement"), t("reports.status"), t("reports.before"), t("reports.nodes")]}
      >
        {c.requirements.map((q) => (
          <Table.Tr key={q.id}>
            <Table.Td>
              <b>{q.id}</b> {say(q.title)}
              <Text size="xs" c="dimmed">
                {say(q.reason)}
              </Text>
            </Table.Td>
            <Table.Td>
              <StatusBadge status={q.status} />
            </Table.Td>
            <Table.Td>{q.before === "" ? "–" : <StatusBadge status={q.before} />}</Table.Td>
            <Table.Td>
              <span className={classes.counts}>
                {statuses.map((s) =>
                  (q.nodes[s] ?? 0) === 0 ? null : (
                    <span key={s} title={t(`common.status.${s}`)}>
                      <ToneIcon tone={toneOfStatus[s]} size={14} /> {q.nodes[s]}
                      <span className="hidden-text">{t(`common.status.${s}`)}</span>
                    </span>
                  ),
                )}
              </span>
            </Table.Td>
          </Table.Tr>
        ))}
      </Rows>
    </Panel>
  );
}

function Failing({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  const failing = c.requirements.filter((q) => q.checks.length > 0);
  return (
    <Panel title={t("reports.failing")}>
      {failing.length === 0 && <Text>{t("reports.noneFailing")}</Text>}
      {failing.map((q) => (
        <FailingOne key={q.id} q={q} all={c.nodes_assessed} />
      ))}
    </Panel>
  );
}

function FailingOne({ q, all }: { q: ReportRequirement; all: number }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <section className={classes.req} aria-label={`${q.id} ${say(q.title)}`}>
      <h3 className={classes.reqHead}>
        {q.id} {say(q.title)} <StatusBadge status={q.status} />
      </h3>
      {q.checks.map((k) => (
        <div key={k.id} className={classes.check}>
          <h4 className={classes.checkHead}>
            {say(k.title)} <SeverityBadge severity={k.severity} />
          </h4>
          <Text size="xs" c="dimmed">
            <code>{k.id}</code>
            {(k.nodes.fail ?? 0) > 0 && ` · ${t("reports.onNodes", { count: k.nodes.fail ?? 0, all })}`}
          </Text>
          <ul className={classes.evidence}>
            {k.evidence.map((e, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: pieces of evidence have no id and never move
              <EvidenceText key={i} e={e} />
            ))}
            {k.left_out > 0 && <li>{t("reports.leftOut", { count: k.left_out })}</li>}
          </ul>
          {k.remediation.en !== "" && (
            <div className={classes.remedy}>
              <b>{t("reports.remedy")}</b>
              <div>{say(k.remediation)}</div>
            </div>
          )}
        </div>
      ))}
    </section>
  );
}

/** Exceptions, findings and changes. */
function Happened({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  const say = useSay();
  return (
    <>
      <Panel title={t("reports.exceptions")} flush>
        {c.exceptions.length === 0 ? (
          <Text p="md">{t("reports.noExceptions")}</Text>
        ) : (
          <Rows
            label={t("reports.exceptions")}
            head={[t("reports.until"), t("reports.covered"), t("reports.node"), t("reports.owner"), t("reports.reason")]}
          >
            {c.exceptions.map((e) => (
              <Table.Tr key={e.id}>
                <Table.Td className={classes.nowrap}>{e.expires}</Table.Td>
                <Table.Td>
                  {e.check} {plain(e.subject ?? "")}
                </Table.Td>
                <Table.Td>{e.node === "" ? t("reports.everyNode") : plain(e.node)}</Table.Td>
                <Table.Td>{plain(e.owner)}</Table.Td>
                <Table.Td>
                  {plain(e.reason)}
                  <Text size="xs" c="dimmed">
                    {[e.creator, e.approver].filter((x) => x !== "").join(", ")}
                  </Text>
                </Table.Td>
              </Table.Tr>
            ))}
          </Rows>
        )}
      </Panel>
      <Panel title={t("reports.findings")} flush>
        {c.findings.list.length === 0 ? (
          <Text p="md">{t("reports.noFindings")}</Text>
        ) : (
          <>
            <Text px="md" pt="sm" className={classes.counts}>
              {severities.map((s) =>
                (c.findings.counts[s] ?? 0) === 0 ? null : (
                  <span key={s}>
                    <SeverityBadge severity={s} /> {c.findings.counts[s]}
                  </span>
                ),
              )}
            </Text>
            <Rows
              label={t("reports.findings")}
              head={[t("reports.severity"), t("reports.node"), t("reports.what"), t("reports.when")]}
            >
              {c.findings.list.slice(0, most).map((f, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows of a document that never move
                <Table.Tr key={i}>
                  <Table.Td>
                    <SeverityBadge severity={f.severity} />
                  </Table.Td>
                  <Table.Td>{plain(f.node)}</Table.Td>
                  <Table.Td>{say(f.text)}</Table.Td>
                  <Table.Td className={classes.nowrap}>{f.first.slice(0, 10)}</Table.Td>
                </Table.Tr>
              ))}
            </Rows>
            <More n={c.findings.left_out + Math.max(0, c.findings.list.length - most)} />
          </>
        )}
      </Panel>
      <Panel title={t("reports.changes")} flush>
        {c.changes.list.length === 0 ? (
          <Text p="md">{t("reports.noChanges")}</Text>
        ) : (
          <>
            <Text px="md" pt="sm">
              {t("reports.worse", { worse: c.changes.worse, better: c.changes.better })}
            </Text>
            <Rows label={t("reports.changes")} head={[t("reports.when"), t("reports.node"), t("reports.what")]}>
              {c.changes.list.slice(0, most).map((e, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows of a document that never move
                <Table.Tr key={i}>
                  <Table.Td className={classes.nowrap}>
                    <Exact at={new Date(e.time)} />
                  </Table.Td>
                  <Table.Td>{plain(e.node)}</Table.Td>
                  <Table.Td>
                    {e.requirement !== "" && <b>{e.requirement} </b>}
                    {say(e.text)}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Rows>
            <More n={c.changes.left_out + Math.max(0, c.changes.list.length - most)} />
          </>
        )}
      </Panel>
    </>
  );
}

function More({ n }: { n: number }) {
  const { t } = useTranslation();
  if (n <= 0) return null;
  return (
    <Text px="md" pb="sm" size="sm" c="dimmed">
      {t("reports.more", { count: n })}
    </Text>
  );
}

/** Drills and controls. */
function Proved({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  return (
    <>
      <Panel title={t("reports.drills")} flush>
        {c.drills.length === 0 ? (
          <Text p="md">{t("reports.noDrills")}</Text>
        ) : (
          <Rows
            label={t("reports.drills")}
            head={[t("reports.requirement"), t("reports.verdict"), t("reports.node"), t("reports.what")]}
          >
            {c.drills.map((d) => (
              <Table.Tr key={`${d.drill} ${d.node}`}>
                <Table.Td>
                  <code>{d.drill}</code>
                </Table.Td>
                <Table.Td>
                  <VerdictBadge verdict={d.verdict} />
                </Table.Td>
                <Table.Td>
                  {plain(d.node)}
                  <Text size="xs" c="dimmed">
                    <Exact at={new Date(d.ran)} />
                  </Text>
                </Table.Td>
                <Table.Td>{plain(d.why)}</Table.Td>
              </Table.Tr>
            ))}
          </Rows>
        )}
      </Panel>
      <Panel title={t("reports.controls")} flush>
        <Rows
          label={t("reports.controls")}
          head={[t("reports.control"), t("reports.serves"), t("reports.enforce"), t("reports.observe"), t("reports.missing")]}
        >
          {c.controls.map((k) => (
            <Table.Tr key={k.name}>
              <Table.Td>
                <code>{k.name}</code>
              </Table.Td>
              <Table.Td>{k.requirements.join(", ")}</Table.Td>
              {k.there ? (
                [k.enforce, k.observe, k.missing].map((n, i) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: three columns
                  <Table.Td key={i}>{n}</Table.Td>
                ))
              ) : (
                <Table.Td colSpan={3} c="dimmed">
                  {t("reports.later")}
                </Table.Td>
              )}
            </Table.Tr>
          ))}
        </Rows>
      </Panel>
    </>
  );
}

function Nodes({ c }: { c: ReportContent }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("reports.each")} flush>
      <Rows label={t("reports.each")} head={[t("reports.node"), t("reports.facts"), t("reports.cells")]}>
        {c.nodes.slice(0, most).map((n) => (
          <Table.Tr key={`${n.tenant}/${n.id}`}>
            <Table.Td>
              {plain(n.name)}
              {n.health !== "" && n.health !== "up" && (
                <div>
                  <HealthBadge health={n.health} />
                </div>
              )}
            </Table.Td>
            <Table.Td className={classes.nowrap}>
              {n.assessment === "" || n.facts === undefined ? t("reports.notAssessed") : <Exact at={new Date(n.facts)} />}
            </Table.Td>
            <Table.Td>
              <span className={classes.cells}>
                {n.assessment !== "" &&
                  c.requirements.map((q) => {
                    const s = stateOfRequirement(n.statuses[q.id]);
                    const word = `${q.id} ${t(`common.status.${s}`)}`;
                    return (
                      <span key={q.id} title={word}>
                        <ToneIcon tone={toneOfStatus[s]} size={15} />
                        <span className="hidden-text">{word}</span>
                      </span>
                    );
                  })}
              </span>
            </Table.Td>
          </Table.Tr>
        ))}
      </Rows>
      <More n={c.nodes.length - most} />
    </Panel>
  );
}
