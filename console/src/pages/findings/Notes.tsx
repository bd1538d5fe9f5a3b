import { Button, Group, Text, Textarea } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { findingNotes, triage } from "@/api/findings";
import { isCancelled } from "@/api/transport";
import { ErrorPanel } from "@/components/ErrorPanel";
import { Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { Finding, FindingNote } from "@/gen/fleet_pb";
import { lines, plain } from "@/lib/plain";
import classes from "./Finding.module.css";
import { FindingState } from "./State";

/** What was done with a finding and said of it, the newest first, and the place to say something. */
export function Notes({ f }: { f: Finding }) {
  const { t } = useTranslation();
  const notes = useQuery(findingNotes(f.node, f.id));
  return (
    <Panel title={t("findings.notes")} flush>
      <Say f={f} />
      <Result of={notes} what={t("findings.notesFailed")}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Text p="md" c="dimmed">
              {t("findings.noNotes")}
            </Text>
          ) : (
            <ul className={classes.notes}>
              {rows.map((n) => (
                <Note key={n.id} n={n} />
              ))}
            </ul>
          )
        }
      </Result>
    </Panel>
  );
}

function Note({ n }: { n: FindingNote }) {
  const { t } = useTranslation();
  return (
    <li className={classes.note}>
      <div className={classes.noteHead}>
        <strong>{n.author === "" ? t("findings.cameBack") : plain(n.authorName) || n.author}</strong>
        {n.state !== n.wasState && <FindingState state={n.state} />}
        {n.owner !== n.wasOwner && (
          <span>{n.owner === "" ? t("findings.ownerGone") : t("findings.ownerIs", { name: plain(n.owner) })}</span>
        )}
        <span className={classes.when}>
          <Time at={n.time} />
        </span>
      </div>
      {n.comment !== "" && <p className={classes.words}>{lines(n.comment)}</p>}
    </li>
  );
}

function Say({ f }: { f: Finding }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const say = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await triage([f], { state: "", comment: text });
      setText("");
    } catch (err) {
      if (!isCancelled(err)) setError(err);
    } finally {
      setBusy(false);
      await client.invalidateQueries({ queryKey: ["Finding"] });
    }
  };
  return (
    <form
      className={classes.say}
      onSubmit={(e) => {
        e.preventDefault();
        void say();
      }}
    >
      <Textarea
        label={t("findings.comment")}
        value={text}
        onChange={(e) => setText(e.currentTarget.value)}
        maxLength={2000}
        autosize
        minRows={2}
        maxRows={8}
      />
      {error !== undefined && <ErrorPanel error={error} what={t("findings.triageFailed")} />}
      <Group justify="flex-end" mt="xs">
        <Button type="submit" size="xs" loading={busy} disabled={text.trim() === ""}>
          {t("findings.say")}
        </Button>
      </Group>
    </form>
  );
}
