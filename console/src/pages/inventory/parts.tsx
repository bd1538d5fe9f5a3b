import { SegmentedControl, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { findingsAbout } from "@/api/inventory";
import { Empty } from "@/components/Empty";
import { JsonTree } from "@/components/JsonTree";
import { LongTable } from "@/components/LongTable";
import { ButtonLink, PageLink } from "@/components/links";
import { Facts, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { SeverityBadge, severities, severityOf, ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Finding } from "@/gen/fleet_pb";
import type { Container } from "@/gen/inventory_pb";
import { plain } from "@/lib/plain";
import type { Moment } from "@/lib/time";
import { useWords } from "@/lib/words";
import classes from "./Inventory.module.css";
import { imageName } from "./names";
import { signatureOf, stateOf, toneOfSignature, toneOfState } from "./risks";

/** A word with the shape and colour of its tone, for cells. */
export function StateMark({ c }: { c: { state: string; health?: string; gone?: object } }) {
  const { t } = useTranslation();
  const s = stateOf(c);
  const tone = s === "running" && c.health === "unhealthy" ? "bad" : toneOfState[s];
  return (
    <span className={classes.mark}>
      <ToneIcon tone={tone} size={14} />
      {s === "other" ? plain(c.state) || t("inventory.state.other") : t(`inventory.state.${s}`)}
      {c.gone === undefined && c.health !== undefined && c.health !== "" && (
        <span className={classes.soft}>{healthWord(t, c.health)}</span>
      )}
    </span>
  );
}

function healthWord(t: TFunction, health: string): string {
  const known = (["healthy", "unhealthy", "starting"] as const).find((h) => h === health);
  return known === undefined ? plain(health) : t(`inventory.health.${known}`);
}

export function SignatureMark({ signature }: { signature: string }) {
  const { t } = useTranslation();
  const s = signatureOf(signature);
  return (
    <span className={classes.mark}>
      <ToneIcon tone={toneOfSignature[s]} size={14} />
      {t(`inventory.signatures.${s}`)}
    </span>
  );
}

/** Lists have what there is; what went is asked for. */
export function GoneChoice({ gone, set }: { gone: boolean; set: (gone: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t("inventory.which")}
      value={gone ? "all" : "now"}
      onChange={(v) => set(v === "all")}
      data={[
        { value: "now", label: t("inventory.now") },
        { value: "all", label: t("inventory.withGone") },
      ]}
    />
  );
}

export function NothingYet({ title, none }: { title: string; none: string }) {
  const { t } = useTranslation();
  return (
    <Panel title={title}>
      <Empty title={none} how={t("inventory.noneHow")}>
        <ButtonLink to="/nodes/join">{t("nodes.join")}</ButtonLink>
      </Empty>
    </Panel>
  );
}

export function NodeLink({ of, underline }: { of: { node: string; nodeName: string }; underline?: boolean }) {
  return (
    <PageLink to="/nodes/$id" params={{ id: of.node }} title={of.nodeName} underline={underline ? "always" : undefined}>
      {of.nodeName}
    </PageLink>
  );
}

export const shortId = (id: string): string => plain(id.replace(/^sha256:/, "").slice(0, 12));

/** How many there are, beside the name of a panel. */
export function Many({ text, more = false }: { text: string; more?: boolean }) {
  const { t } = useTranslation();
  return (
    <Text size="xs" c="dimmed">
      {more ? `${text} ${t("table.more")}` : text}
    </Text>
  );
}

/** Texts one below another; none as a word. */
export function Lines({ of }: { of: readonly string[] }) {
  const { t } = useTranslation();
  if (of.length === 0) return <>{t("table.none")}</>;
  return (
    <>
      {of.map((s) => (
        <div key={s}>{plain(s)}</div>
      ))}
    </>
  );
}

/** What is wrong with it, and what was. */
export function FindingsAbout({ node, subject }: { node: string; subject: string }) {
  const { t } = useTranslation();
  const words = useWords();
  const found = useQuery(findingsAbout(node, subject));
  return (
    <Panel title={t("inventory.findings")} flush>
      <Result of={found} what={t("inventory.findingsFailed")}>
        {({ rows }) => {
          const rank = (f: Finding) => (f.over === undefined ? severities.indexOf(severityOf(f.severity)) : severities.length);
          const worstFirst = [...rows].sort((a, b) => rank(a) - rank(b));
          if (rows.length === 0)
            return (
              <Text p="md" c="dimmed">
                {t("inventory.noFindings")}
              </Text>
            );
          return (
            <LongTable
              label={t("inventory.findings")}
              miw={520}
              head={[
                { name: t("findings.severity"), w: 110 },
                { name: t("findings.requirement"), w: 110 },
                t("findings.text"),
                { name: t("inventory.since"), w: 130 },
              ]}
              rows={worstFirst}
              rowKey={(f) => f.id}
            >
              {(f) => (
                <>
                  <Table.Td>
                    <SeverityBadge severity={f.over === undefined ? f.severity : "info"} />
                  </Table.Td>
                  <Table.Td>
                    {f.requirement !== "" && (
                      <PageLink to="/requirements/$id" params={{ id: f.requirement }} search={{ node }}>
                        {f.requirement}
                      </PageLink>
                    )}
                  </Table.Td>
                  <Table.Td className={classes.wrap}>
                    <PageLink to="/findings/$node/$id" params={{ node: f.node, id: f.id }} c="inherit" inherit>
                      {words(f.text, f.textZh)}
                    </PageLink>
                  </Table.Td>
                  <Table.Td>
                    {f.over === undefined ? (
                      <Time at={f.first} />
                    ) : (
                      <>
                        {t("inventory.over")} <Time at={f.over} />
                      </>
                    )}
                  </Table.Td>
                </>
              )}
            </LongTable>
          );
        }}
      </Result>
    </Panel>
  );
}

interface Seen {
  created?: Moment;
  firstSeen?: Moment;
  changed?: Moment;
  gone?: Moment;
}

/** When it was seen. */
export function History({ of, children }: { of: Seen; children?: ReactNode }) {
  const { t } = useTranslation();
  const times: [string, ReactNode][] = [];
  if (of.created !== undefined) times.push([t("inventory.created"), <Time key="c" at={of.created} full />]);
  times.push([t("inventory.firstSeen"), <Time key="f" at={of.firstSeen} full />]);
  times.push([t("inventory.changed"), <Time key="h" at={of.changed} full />]);
  if (of.gone !== undefined) times.push([t("inventory.gone"), <Time key="g" at={of.gone} full />]);
  return (
    <Panel title={t("inventory.history")}>
      <Facts of={times} />
      {children}
    </Panel>
  );
}

/** Containers of the same node, as a small table with what tells them apart there. */
export function ContainerTable({
  title,
  of,
  none,
  column,
}: {
  title: string;
  of: readonly Container[];
  none: string;
  column: "image" | "addresses" | "ports";
}) {
  const { t } = useTranslation();
  return (
    <Panel title={title} flush aside={of.length > 0 && <Many text={t("inventory.containerCount", { count: of.length })} />}>
      {of.length === 0 ? (
        <Text p="md" c="dimmed">
          {none}
        </Text>
      ) : (
        <LongTable
          label={title}
          miw={520}
          head={[
            t("inventory.name"),
            { name: t("inventory.stateHead"), w: 150 },
            t(`inventory.${column}`),
            { name: t("inventory.changed"), w: 120 },
          ]}
          rows={of}
          rowKey={(c) => c.id}
        >
          {(c) => (
            <>
              <Table.Td className={classes.wrap}>
                <PageLink to="/containers/$node/$id" params={{ node: c.node, id: c.id }}>
                  {plain(c.name)}
                </PageLink>
              </Table.Td>
              <Table.Td>
                <StateMark c={c} />
              </Table.Td>
              <Table.Td className={classes.wrap}>
                {column === "image" ? (
                  <code title={plain(c.image)}>{imageName(c.image)}</code>
                ) : (
                  <code>{plain(c[column].join(", "))}</code>
                )}
              </Table.Td>
              <Table.Td>
                <Time at={c.gone ?? c.changed} />
              </Table.Td>
            </>
          )}
        </LongTable>
      )}
    </Panel>
  );
}

/** The server's messages have no order of fields; people find them by their names. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}

/** All that the node says of it. */
export function FactPanel({ fact, received, gone }: { fact: unknown; received: Moment; gone: boolean }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState("");
  return (
    <Panel
      title={t("inventory.fact")}
      aside={
        received !== undefined && (
          <Text size="xs" c="dimmed">
            {t("inventory.received")} <Time at={received} />
          </Text>
        )
      }
    >
      {fact === undefined ? (
        <Text c="dimmed">{gone ? t("inventory.factGone") : t("inventory.noFact")}</Text>
      ) : (
        <JsonTree value={sorted(fact)} open={open} onOpen={setOpen} />
      )}
    </Panel>
  );
}
