import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { controlModes, drillKinds, drillList } from "@/api/proofs";
import { CopyCommand } from "@/components/CopyCommand";
import { Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Pill, type Tone } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Control, DrillResult } from "@/gen/drill_pb";
import { plain } from "@/lib/plain";
import { command } from "@/lib/shell";
import { useWords } from "@/lib/words";
import { useTenant } from "@/shell/scope";
import classes from "./Requirement.module.css";

const tones = { proved: "good", not_proved: "bad", cannot_run: "part" } as const satisfies Record<string, Tone>;
export type Verdict = keyof typeof tones | "none";
export const verdicts = ["not_proved", "cannot_run", "none", "proved"] as const;

export function VerdictBadge({ verdict }: { verdict: string }) {
  const { t } = useTranslation();
  const known: Verdict = Object.hasOwn(tones, verdict) ? (verdict as Verdict) : "none";
  return <Pill tone={known === "none" ? "off" : tones[known]} word={t(`proofs.verdict.${known}`)} />;
}

/** worstDrill is the worst newest result of the drills of a requirement. */
export function worstDrill(results: readonly DrillResult[], requirement: string): Verdict {
  const own = results.filter((r) => r.requirement === requirement).map((r) => r.verdict);
  return verdicts.find((v) => own.includes(v)) ?? "none";
}

const most = 3;

/** As many drills of a requirement are shown one by one. */
const mostDrills = 8;

/** The newest result of each drill of a requirement, and what to run where there is none. */
export function LastDrill({ requirement }: { requirement: string }) {
  const { t } = useTranslation();
  const words = useWords();
  const tenant = useTenant();
  const kinds = useQuery(drillKinds());
  const results = useQuery(drillList(tenant));
  const own = kinds.data?.drills.filter((d) => d.requirement === requirement) ?? [];
  return (
    <Panel title={t("proofs.lastDrill")} flush>
      <Result of={results} what={t("proofs.drillFailed")} rows={2}>
        {({ rows }) => {
          if (kinds.data !== undefined && own.length === 0)
            return (
              <Text p="md" c="dimmed">
                {t("proofs.noKind")}
              </Text>
            );
          const ran = own.filter((d) => rows.some((r) => r.drill === d.id));
          const missing = own.filter((d) => !ran.includes(d));
          return (
            <>
              {ran.slice(0, mostDrills).map((d) => (
                <OneDrill key={d.id} title={words(d.title, d.titleZh)} id={d.id} results={rows.filter((r) => r.drill === d.id)} />
              ))}
              {ran.length > mostDrills && (
                <Text size="xs" c="dimmed" p="md">
                  {t("proofs.moreDrills", { count: ran.length - mostDrills })}
                </Text>
              )}
              {missing.length > 0 && (
                <div className={classes.proof}>
                  <Text size="sm" c="dimmed">
                    {t("proofs.never")}
                  </Text>
                  <ul className={classes.missing}>
                    {missing.slice(0, mostDrills).map((d) => (
                      <li key={d.id}>
                        {words(d.title, d.titleZh)} <code>{d.id}</code>
                      </li>
                    ))}
                  </ul>
                  {missing.length > mostDrills && (
                    <Text size="xs" c="dimmed" mb={4}>
                      {t("proofs.moreDrills", { count: missing.length - mostDrills })}
                    </Text>
                  )}
                  <Text size="sm" mb={4}>
                    {t("proofs.run")}
                  </Text>
                  <CopyCommand
                    text={command`bulkhead drill run --requirement ${requirement} --publish`}
                    label={t("proofs.command")}
                  />
                </div>
              )}
            </>
          );
        }}
      </Result>
    </Panel>
  );
}

function OneDrill({ id, title, results }: { id: string; title: string; results: readonly DrillResult[] }) {
  const { t } = useTranslation();
  return (
    <div className={classes.proof}>
      <Text size="sm" fw={600}>
        {title}
      </Text>
      <Text size="xs" c="dimmed" mb={4}>
        <code>{id}</code>
      </Text>
      {results.slice(0, most).map((r) => (
        <div key={r.id}>
          <Group gap="xs">
            <VerdictBadge verdict={r.verdict} />
            <Text size="sm">
              {t("proofs.on", { node: plain(r.node) })} · <Time at={r.ran} />
            </Text>
          </Group>
          <Text size="xs" c="dimmed">
            {plain(r.why)}
          </Text>
        </div>
      ))}
      {results.length > most && (
        <Text size="xs" c="dimmed">
          {t("proofs.moreResults", { count: results.length - most })}
        </Text>
      )}
    </div>
  );
}

/** The controls that serve a requirement, and on how many nodes they enforce or observe. */
export function Controls({ requirement }: { requirement: string }) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const modes = useQuery(controlModes(tenant));
  return (
    <Panel title={t("proofs.controls")} flush>
      <Result of={modes} what={t("proofs.controlsFailed")} rows={2}>
        {(all) => {
          const own = all.controls.filter((c) => c.requirements.includes(requirement));
          return (
            <>
              {own.length === 0 && (
                <Text p="md" c="dimmed">
                  {t("proofs.noControl")}
                </Text>
              )}
              {own.map((c) => (
                <div key={c.name} className={classes.proof}>
                  <code>{c.name}</code>
                  <Modes of={c} />
                </div>
              ))}
              {own.some((c) => c.there) && all.nodes > all.told && (
                <Text p="md" size="xs" c="dimmed">
                  {t("proofs.untold", { count: all.nodes - all.told })}
                </Text>
              )}
            </>
          );
        }}
      </Result>
    </Panel>
  );
}

function Modes({ of: c }: { of: Control }) {
  const { t } = useTranslation();
  if (!c.there)
    return (
      <Group gap={6} mt={4}>
        <Pill tone="off" word={t("proofs.later")} />
      </Group>
    );
  return (
    <Group gap={6} mt={4}>
      {c.enforce > 0 && <Pill tone="good" word={t("proofs.enforce", { count: c.enforce })} />}
      {c.observe > 0 && <Pill tone="part" word={t("proofs.observe", { count: c.observe })} />}
      {c.missing > 0 && <Pill tone="unknown" word={t("proofs.missing", { count: c.missing })} />}
    </Group>
  );
}
