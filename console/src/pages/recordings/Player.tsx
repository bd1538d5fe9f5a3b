import { Button, NativeSelect, Slider, Text } from "@mantine/core";
import { IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Panel } from "@/components/Page";
import { plain } from "@/lib/plain";
import type { Recording } from "@/recording/read";
import { clock, upTo } from "@/recording/timeline";
import classes from "./recordings.module.css";
import { TerminalPicture } from "./Terminal";
import { Transcript } from "./Transcript";
import { type Player as Playing, usePlayer } from "./usePlayer";

const speeds = [0.5, 1, 2, 4, 8, 16];
const limits = [0, 1, 2, 5];
const ownMark = /^bulkhead:segment:/;

/** Plays a recording, and has its markers and its text beside it. */
export function Player({ recording }: { recording: Recording }) {
  const { t } = useTranslation();
  const p = usePlayer(recording);
  const seekTo = (event: number) => {
    p.play(false);
    p.seek(p.timeline.times[event] ?? 0);
  };
  return (
    <>
      <Panel title={t("recordings.player")}>
        {recording.damaged > 0 && (
          <Text role="alert" className={classes.why} fw={600}>
            {t("recordings.damaged", { count: recording.damaged })}
          </Text>
        )}
        {p.picture !== undefined && <TerminalPicture of={p.picture} />}
        <Controls p={p} />
        <Markers recording={recording} p={p} onSeek={seekTo} />
      </Panel>
      <Transcript
        events={recording.events}
        onSeek={(at) => seekTo(Math.max(0, upTo({ events: recording.events, times: timesOf(recording), length: 0 }, at) - 1))}
      />
    </>
  );
}

const known = new WeakMap<Recording, Float64Array>();
function timesOf(r: Recording): Float64Array {
  const times = known.get(r) ?? Float64Array.from(r.events, (e) => e.at);
  known.set(r, times);
  return times;
}

function Controls({ p }: { p: Playing }) {
  const { t } = useTranslation();
  const whole = clock(p.timeline.length);
  return (
    // biome-ignore lint/a11y/useSemanticElements: controls are no fieldset
    <div className={classes.controls} role="group" aria-label={t("recordings.controls")}>
      <Button
        size="xs"
        leftSection={p.playing ? <IconPlayerPause size={14} aria-hidden /> : <IconPlayerPlay size={14} aria-hidden />}
        onClick={() => p.play(!p.playing)}
      >
        {t(p.playing ? "recordings.pause" : "recordings.play")}
      </Button>
      <Slider
        className={classes.slider}
        thumbLabel={t("recordings.place")}
        label={null}
        min={0}
        max={Math.max(p.timeline.length, 0.001)}
        step={0.1}
        value={p.at}
        onChange={(v) => p.seek(v)}
      />
      <Text className={classes.clock} size="sm">
        {clock(p.at)} / {whole}
      </Text>
      <NativeSelect
        size="xs"
        label={t("recordings.speed")}
        value={String(p.speed)}
        onChange={(e) => p.setSpeed(Number(e.currentTarget.value))}
        data={speeds.map((s) => ({ value: String(s), label: `${s}×` }))}
      />
      <NativeSelect
        size="xs"
        label={t("recordings.idle")}
        value={String(p.idle)}
        onChange={(e) => p.setIdle(Number(e.currentTarget.value))}
        data={limits.map((s) => ({
          value: String(s),
          label: s === 0 ? t("recordings.noLimit") : t("recordings.seconds", { count: s }),
        }))}
      />
    </div>
  );
}

const mostMarkers = 100;

function Markers({ recording, p, onSeek }: { recording: Recording; p: Playing; onSeek: (event: number) => void }) {
  const { t } = useTranslation();
  const marks = recording.events.map((e, i) => ({ e, i })).filter(({ e }) => e.code === "m" && !ownMark.test(e.data));
  if (marks.length === 0) return null;
  return (
    <section aria-label={t("recordings.markers")}>
      <Text fw={600} mt="sm">
        {t("recordings.markers")}
      </Text>
      <ul className={classes.markers}>
        {marks.slice(0, mostMarkers).map(({ e, i }) => (
          <li key={i} data-damaged={e.damaged}>
            <button type="button" className={classes.jump} onClick={() => onSeek(i)}>
              {clock(p.timeline.times[i] ?? 0)}
            </button>
            <span>{plain(e.data)}</span>
          </li>
        ))}
      </ul>
      {marks.length > mostMarkers && <Text c="dimmed">{t("recordings.moreMarkers", { count: marks.length - mostMarkers })}</Text>}
    </section>
  );
}
