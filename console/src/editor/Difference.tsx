import { unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { Text } from "@mantine/core";
import { useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { File } from "@/api/policies";
import { plain } from "@/lib/plain";
import classes from "./Editor.module.css";
import { common } from "./setup";

const mostFiles = 30;

/** What differs between two sets of files, file by file. */
export function Difference({ before, after }: { before: readonly File[]; after: readonly File[] }) {
  const { t } = useTranslation();
  const changed = useMemo(() => differing(before, after), [before, after]);
  if (changed.length === 0)
    return (
      <Text p="md" c="dimmed">
        {t("policies.noDifference")}
      </Text>
    );
  return (
    <>
      {changed.slice(0, mostFiles).map((c) => (
        <FileDifference key={c.name} {...c} />
      ))}
      {changed.length > mostFiles && (
        <Text p="md" c="dimmed">
          {t("policies.moreFiles", { count: changed.length - mostFiles })}
        </Text>
      )}
    </>
  );
}

interface Changed {
  name: string;
  before: string | undefined;
  after: string | undefined;
}

/** differing are the files that are not the same in both. */
export function differing(before: readonly File[], after: readonly File[]): Changed[] {
  const old = new Map(before.map((f) => [f.name, f.text]));
  const now = new Map(after.map((f) => [f.name, f.text]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .map((name) => ({ name, before: old.get(name), after: now.get(name) }))
    .filter((c) => c.before !== c.after);
}

function FileDifference({ name, before, after }: Changed) {
  const { t } = useTranslation();
  const host = useRef<HTMLDivElement>(null);
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  useEffect(() => {
    if (host.current === null) return;
    const view = new EditorView({
      parent: host.current,
      doc: after ?? "",
      extensions: [
        ...common(t("policies.differenceOf", { name }), true),
        EditorState.phrases.of({ "$ unchanged lines": t("policies.unchangedLines") }),
        unifiedMergeView({
          original: before ?? "",
          mergeControls: false,
          syntaxHighlightDeletions: false,
          collapseUnchanged: { margin: 3, minSize: 6 },
          diffConfig: { scanLimit: 2000, timeout: 500 },
        }),
      ],
    });
    return () => view.destroy();
  }, [name, before, after, t]);
  return (
    <section className={classes.file} aria-label={plain(name)}>
      <div className={classes.fileHead}>
        <code>{plain(name)}</code>
        <Text span size="xs" c="dimmed">
          {t(`policies.file.${kind}`)}
        </Text>
      </div>
      <div ref={host} className={classes.difference} />
    </section>
  );
}
