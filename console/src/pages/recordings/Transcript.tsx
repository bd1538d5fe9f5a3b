import { Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useDeferredValue, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Panel } from "@/components/Page";
import type { CastEvent } from "@/recording/cast";
import { found, linesOf } from "@/recording/text";
import { clock } from "@/recording/timeline";
import classes from "./recordings.module.css";

const most = 1000;

/** What was on the screen as lines of text, for who searches it, and for who does not see the screen. */
export function Transcript({ events, onSeek }: { events: readonly CastEvent[]; onSeek: (at: number) => void }) {
  const { t } = useTranslation();
  const [words, setWords] = useState("");
  const asked = useDeferredValue(words);
  const lines = useMemo(() => linesOf(events), [events]);
  const hits = useMemo(() => found(lines, asked), [lines, asked]);
  return (
    <Panel title={t("recordings.text")}>
      <TextInput
        label={t("recordings.search")}
        leftSection={<IconSearch size={16} aria-hidden />}
        value={words}
        maxLength={200}
        onChange={(e) => setWords(e.currentTarget.value)}
      />
      <Text size="xs" c="dimmed" role="status" mt={4}>
        {t("recordings.lines", { count: hits.length })} {hits.length > most && t("recordings.firstLines", { count: most })}
      </Text>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keyboard */}
      <section className={classes.transcript} aria-label={t("recordings.lineList")} tabIndex={0}>
        <ol>
          {hits.slice(0, most).map((l, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines may be alike
            <li key={i}>
              <button
                type="button"
                className={classes.jump}
                onClick={() => onSeek(l.at)}
                aria-label={t("recordings.goTo", { time: clock(l.at) })}
              >
                {clock(l.at)}
              </button>
              <span>{l.text}</span>
            </li>
          ))}
        </ol>
      </section>
    </Panel>
  );
}
