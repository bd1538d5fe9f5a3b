import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleHalf2,
  IconCircleMinus,
  IconCircleX,
  IconPlugConnectedX,
  IconProgress,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import classes from "./StatusBadge.module.css";

/** How a thing stands. Each tone has a colour, a shape and a word: nobody has to tell colours apart. */
export type Tone = "good" | "part" | "bad" | "unknown" | "off";

export const statuses = ["not_met", "partly_met", "unknown", "met", "not_applicable"] as const;
export type RequirementState = (typeof statuses)[number];

export function stateOfRequirement(s: string | undefined): RequirementState {
  return statuses.find((known) => known === s) ?? "unknown";
}

const shapes = { good: IconCircleCheck, part: IconCircleHalf2, bad: IconCircleX, unknown: IconCircleDashed, off: IconCircleMinus };

export const toneOfStatus: Record<RequirementState, Tone> = {
  met: "good",
  partly_met: "part",
  not_met: "bad",
  unknown: "unknown",
  not_applicable: "off",
};

export function ToneIcon({ tone, size = 16 }: { tone: Tone; size?: number }) {
  const Shape = shapes[tone];
  return <Shape size={size} aria-hidden className={classes.icon} data-tone={tone} stroke={2} />;
}

/** A word with its tone: what the badges are made of. */
export function Pill({ tone, word, icon: Shape = shapes[tone] }: { tone: Tone; word: string; icon?: typeof IconCircleX }) {
  return (
    <span className={classes.pill} data-tone={tone}>
      <Shape size={14} aria-hidden stroke={2.25} />
      {word}
    </span>
  );
}

/** The status of a requirement. */
export function StatusBadge({ status }: { status: string | undefined }) {
  const { t } = useTranslation();
  const s = stateOfRequirement(status);
  return <Pill tone={toneOfStatus[s]} word={t(`common.status.${s}`)} />;
}

const checkTones = { pass: "good", fail: "bad", warn: "part", unknown: "unknown", not_applicable: "off" } as const;
type CheckState = keyof typeof checkTones;

/** The result of one check. */
export function CheckBadge({ status }: { status: string }) {
  const { t } = useTranslation();
  const s: CheckState = status in checkTones ? (status as CheckState) : "unknown";
  return <Pill tone={checkTones[s]} word={t(`common.check.${s}`)} />;
}

export const severities = ["critical", "high", "medium", "low", "info"] as const;
const severityTones = { critical: "bad", high: "bad", medium: "part", low: "off", info: "off" } as const;
type Severity = (typeof severities)[number];

export function severityOf(s: string): Severity {
  return severities.find((known) => known === s) ?? "info";
}

export function SeverityBadge({ severity }: { severity: string }) {
  const { t } = useTranslation();
  const s = severityOf(severity);
  return <Pill tone={severityTones[s]} word={t(`common.severity.${s}`)} icon={s === "critical" ? IconAlertTriangle : undefined} />;
}

const healthTones = { up: "good", stopped: "off", silent: "bad", revoked: "off" } as const;
type Health = keyof typeof healthTones;

export function healthOf(s: string): Health {
  return s in healthTones ? (s as Health) : "silent";
}

export function HealthBadge({ health }: { health: string }) {
  const { t } = useTranslation();
  const h = healthOf(health);
  return <Pill tone={healthTones[h]} word={t(`common.health.${h}`)} icon={h === "silent" ? IconPlugConnectedX : undefined} />;
}

const jobTones = {
  completed: "good",
  running: "unknown",
  available: "unknown",
  scheduled: "off",
  retryable: "part",
  cancelled: "off",
  discarded: "bad",
} as const;
type JobState = keyof typeof jobTones;

export function JobBadge({ state }: { state: string }) {
  const { t } = useTranslation();
  const s: JobState = state in jobTones ? (state as JobState) : "available";
  return <Pill tone={jobTones[s]} word={t(`common.job.${s}`)} icon={s === "running" ? IconProgress : undefined} />;
}
