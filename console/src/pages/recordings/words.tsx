import { useTranslation } from "react-i18next";
import { Pill, type Tone } from "@/components/StatusBadge";
import type { SessionRecording } from "@/gen/recording_pb";
import { plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";

const tones = { ended: "good", cut: "part", interrupted: "part", full: "part", failed: "bad" } as const satisfies Record<
  string,
  Tone
>;
type Outcome = keyof typeof tones;

/** How a recording ended. */
export function Ended({ outcome }: { outcome: string }) {
  const { t } = useTranslation();
  if (!Object.hasOwn(tones, outcome)) return <Pill tone="unknown" word={plain(outcome.slice(0, 40))} />;
  const known = outcome as Outcome;
  return <Pill tone={tones[known]} word={t(`recordings.outcome.${known}`)} />;
}

/** For how many seconds a session went on; undefined where its beginning is not known. */
export function lengthOf(r: SessionRecording): number | undefined {
  const from = dateOf(r.start);
  const to = dateOf(r.end);
  return from === undefined || to === undefined ? undefined : Math.max(0, (to.getTime() - from.getTime()) / 1000);
}
