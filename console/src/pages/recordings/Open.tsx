import { Button, FileInput, Group, PasswordInput, Progress, Text } from "@mantine/core";
import { IconKey, IconLock } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Fetched, fetchRecording } from "@/api/recordings";
import { isCancelled } from "@/api/transport";
import { ErrorPanel } from "@/components/ErrorPanel";
import { Panel } from "@/components/Page";
import type { SessionRecording } from "@/gen/recording_pb";
import { bytes } from "@/lib/bytes";
import type { Recording, Unreadable } from "@/recording/read";
import classes from "./recordings.module.css";

interface Props {
  r: SessionRecording;
  fetched: Fetched | undefined;
  onFetched: (f: Fetched) => void;
  recording: Recording | undefined;
  onRecording: (r: Recording | undefined) => void;
}

const mostFile = 64 << 10;
type Busy = { doing: "fetching" | "decrypting"; share: number };

/** Brings a recording and decrypts it here. The key stays in the memory of this page, and goes when the page is left. */
export function Open({ r, fetched, onFetched, recording, onRecording }: Props) {
  const { t, i18n } = useTranslation();
  const [file, setFile] = useState<File | null>(null);
  const [pasted, setPasted] = useState("");
  const [busy, setBusy] = useState<Busy>();
  const [failed, setFailed] = useState<{ error?: unknown; why?: Unreadable["why"] }>();

  const open = async () => {
    setFailed(undefined);
    try {
      const { readRecording, keysOf } = await import("@/recording/read");
      if (file !== null && file.size > mostFile) return setFailed({ why: "identity" });
      const identity = file === null ? pasted : await file.text();
      keysOf(identity); // before anything is asked of the node
      setBusy({ doing: "fetching", share: 0 });
      const got =
        fetched ??
        (await fetchRecording(r.node, r.id, (n, of) => setBusy({ doing: "fetching", share: of > 0 ? Math.min(1, n / of) : 0 })));
      onFetched(got);
      setBusy({ doing: "decrypting", share: 0 });
      onRecording(await readRecording(got.file, identity, (share) => setBusy({ doing: "decrypting", share })));
      setPasted("");
      setFile(null);
    } catch (error) {
      if (isCancelled(error)) return;
      const why = (error as Partial<Unreadable>).why;
      setFailed(why === undefined ? { error } : { why });
    } finally {
      setBusy(undefined);
    }
  };

  return (
    <Panel title={t("recordings.open")}>
      <Text>{t("recordings.openHow", { size: bytes(r.bytes, i18n.language) })}</Text>
      <Text className={classes.stays}>
        <IconLock size={16} aria-hidden /> {t("recordings.stays")}
      </Text>
      {recording === undefined && (
        <form
          className={classes.form}
          autoComplete="off"
          onSubmit={(e) => {
            e.preventDefault();
            void open();
          }}
        >
          <FileInput
            label={t("recordings.file")}
            placeholder={t("recordings.fileHow")}
            value={file}
            onChange={setFile}
            clearable
            clearButtonProps={{ "aria-label": t("recordings.clear") }}
            leftSection={<IconKey size={16} aria-hidden />}
          />
          <PasswordInput
            label={t("recordings.paste")}
            placeholder="AGE-SECRET-KEY-1…"
            value={pasted}
            maxLength={mostFile}
            disabled={file !== null}
            onChange={(e) => setPasted(e.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            visibilityToggleButtonProps={{ "aria-label": t("recordings.see") }}
          />
          <Group>
            <Button type="submit" loading={busy !== undefined} disabled={file === null && pasted.trim() === ""}>
              {t("recordings.replay")}
            </Button>
          </Group>
        </form>
      )}
      {busy !== undefined && (
        <div role="status">
          <Progress value={100 * busy.share} size="sm" mt="sm" aria-label={t(`recordings.${busy.doing}`)} />
          <Text size="xs">{t(`recordings.${busy.doing}`)}</Text>
        </div>
      )}
      {recording !== undefined && (
        <Group mt="sm">
          <Button variant="default" size="xs" onClick={() => onRecording(undefined)}>
            {t("recordings.forget")}
          </Button>
        </Group>
      )}
      {failed?.why !== undefined && (
        <div role="alert" className={classes.why}>
          <Text fw={600}>{t(`recordings.unreadable.${failed.why}`)}</Text>
          <Text>{t(`recordings.unreadableHow.${failed.why}`)}</Text>
        </div>
      )}
      {failed !== undefined && failed.why === undefined && <ErrorPanel error={failed.error} what={t("recordings.fetchFailed")} />}
    </Panel>
  );
}
