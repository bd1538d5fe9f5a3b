import { useTranslation } from "react-i18next";
import { Pill, type Tone } from "@/components/StatusBadge";

const tones = { waiting: "unknown", running: "unknown", ready: "good", failed: "bad" } as const satisfies Record<string, Tone>;

export const making = (state: string) => state === "waiting" || state === "running";

/** How far a report is. */
export function ReportBadge({ state }: { state: string }) {
  const { t } = useTranslation();
  const known = Object.hasOwn(tones, state) ? (state as keyof typeof tones) : "waiting";
  return <Pill tone={tones[known]} word={t(`reports.states.${known}`)} />;
}
