import { IconEye, IconEyeQuestion, IconProgress, IconThumbDown } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Pill, type Tone } from "@/components/StatusBadge";
import { type State, stateOf } from "@/lib/findings";

const tones: Record<State, Tone> = { open: "part", acknowledged: "good", in_progress: "unknown", false_positive: "off" };
const icons = { open: IconEyeQuestion, acknowledged: IconEye, in_progress: IconProgress, false_positive: IconThumbDown };

/** What people made of a finding. */
export function FindingState({ state }: { state: string }) {
  const { t } = useTranslation();
  const s = stateOf(state);
  return <Pill tone={tones[s]} word={t(`findings.state.${s}`)} icon={icons[s]} />;
}
