import { Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Facts, Panel } from "@/components/Page";
import { SmallTable } from "@/components/SmallTable";
import { SeverityBadge } from "@/components/StatusBadge";
import type { Settings } from "@/gen/operations_pb";
import { secondsOf, spanWords } from "@/lib/span";
import classes from "./Settings.module.css";

const kept = [
  "assessments",
  "events",
  "findings",
  "rollouts",
  "objects",
  "proposals",
  "reports",
  "audit_index",
  "sessions",
  "tokens",
  "jobs",
  "changes",
] as const;

/** What the server runs with. It is read from its configuration and changed there. */
export function ServerSettings({ s }: { s: Settings }) {
  const { t } = useTranslation();
  return (
    <>
      <Text c="dimmed">{t("settings.readOnly")}</Text>
      <SignIn s={s} />
      <div className={classes.columns}>
        <Limits s={s} />
        <Retention s={s} />
      </div>
      <Receivers s={s} />
    </>
  );
}

function useSpan() {
  const { i18n } = useTranslation();
  return (d: Parameters<typeof secondsOf>[0]) => spanWords(secondsOf(d), i18n.language);
}

function SignIn({ s }: { s: Settings }) {
  const { t } = useTranslation();
  const span = useSpan();
  const yes = (b: boolean | undefined) => t(`settings.yesNo.${b ? "yes" : "no"}`);
  const i = s.signIn;
  return (
    <Panel title={t("settings.signIn")} flush>
      <div className={classes.body}>
        <Facts
          of={[
            [t("settings.passkeys"), yes(i?.phishingResistant)],
            [t("settings.stepUp"), span(i?.stepUp)],
            [t("settings.idle"), span(i?.idle)],
            [t("settings.absolute"), span(i?.absolute)],
            [t("settings.singleIdle"), span(i?.singleIdle)],
            [t("settings.singleAbsolute"), span(i?.singleAbsolute)],
            [t("settings.tokenDays"), t("settings.days", { count: i?.tokenDays ?? 0 })],
            [t("settings.blocklist"), yes(i?.blocklist)],
            [t("settings.fourEyes"), s.fourEyes.join(", ") || t("table.none")],
            [t("settings.policies"), t(`settings.approval.${s.policyApproval === "required" ? "required" : "optional"}`)],
          ]}
        />
      </div>
      <List
        label={t("settings.providers")}
        none={t("settings.noProviders")}
        head={[t("directory.name"), t("settings.issuer"), t("directory.tenant"), t("settings.mfa"), t("settings.creates")]}
        rows={s.providers.map((p) => [
          p.name,
          p.issuer,
          p.tenant,
          [...p.mfa, ...p.mfaResistant].join(", ") || t("table.none"),
          yes(p.createUsers),
        ])}
      />
    </Panel>
  );
}

function Limits({ s }: { s: Settings }) {
  const { t, i18n } = useTranslation();
  const span = useSpan();
  const l = s.limits;
  const number = (n: number) => new Intl.NumberFormat(i18n.language).format(n);
  const bytes = (n: bigint | undefined) =>
    new Intl.NumberFormat(i18n.language, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 }).format(
      Number(n ?? 0n) / 1e6,
    );
  return (
    <Panel title={t("settings.limits")}>
      <Facts
        of={[
          [t("settings.rate"), t("settings.rateOf", { rate: number(l?.rate ?? 0), burst: number(l?.burst ?? 0) })],
          [
            t("settings.publicRate"),
            t("settings.rateOf", { rate: number(l?.publicRate ?? 0), burst: number(l?.publicBurst ?? 0) }),
          ],
          [t("settings.body"), bytes(l?.body)],
          [t("settings.timeout"), span(l?.timeout)],
          [t("settings.connections"), number(l?.connections ?? 0)],
          [t("settings.serverCertificate"), t(`settings.certificate.${s.certificate === "file" ? "file" : "own"}`)],
          [t("settings.traces"), s.traces || t("settings.nobody")],
          [t("settings.certificates"), span(s.nodes?.certificate)],
          [t("settings.grace"), span(s.nodes?.grace)],
        ]}
      />
    </Panel>
  );
}

function Retention({ s }: { s: Settings }) {
  const { t } = useTranslation();
  const span = useSpan();
  return (
    <Panel title={t("settings.retention")}>
      <Facts of={kept.map((k) => [t(`settings.kept.${k}`), span(s.retention[k])])} />
      <Text c="dimmed" mt="sm">
        {t("settings.logForEver")}
      </Text>
    </Panel>
  );
}

function Receivers({ s }: { s: Settings }) {
  const { t } = useTranslation();
  return (
    <>
      <Panel title={t("settings.alarms")} flush>
        <List
          label={t("settings.alarms")}
          none={t("settings.noAlarms")}
          head={[
            t("directory.name"),
            t("settings.kind"),
            t("settings.to"),
            t("settings.severity"),
            t("settings.events"),
            t("directory.tenants"),
          ]}
          rows={s.alarms.map((a) => [
            a.name,
            t(`settings.receiver.${a.kind as "mail"}`),
            a.recipients.length > 0 ? `${a.recipients.join(", ")} (${a.host})` : a.host,
            <SeverityBadge key="s" severity={a.severity} />,
            a.kinds.join(", ") || t("settings.everything"),
            a.tenants.join(", ") || t("settings.everything"),
          ])}
        />
      </Panel>
      <Panel title={t("settings.exports")} flush>
        <List
          label={t("settings.exports")}
          none={t("settings.noExports")}
          head={[t("directory.name"), t("settings.kind"), t("settings.to")]}
          rows={s.exports.map((e) => [e.name, t(`settings.receiver.${e.kind as "otlp"}`), e.host || t("settings.file")])}
        />
      </Panel>
    </>
  );
}

function List(p: { label: string; none: string; head: string[]; rows: ReactNode[][] }) {
  if (p.rows.length === 0) {
    return (
      <Text px="1rem" py="md" c="dimmed">
        {p.none}
      </Text>
    );
  }
  return (
    <SmallTable label={p.label} miw={p.head.length * 120} head={p.head}>
      {p.rows.map((row) => (
        <Table.Tr key={String(row[0])}>
          {row.map((cell, i) => (
            <Table.Td key={p.head[i]} style={{ overflowWrap: "anywhere" }}>
              {cell}
            </Table.Td>
          ))}
        </Table.Tr>
      ))}
    </SmallTable>
  );
}
