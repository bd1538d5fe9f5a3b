import { ActionIcon, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import classes from "./CopyCommand.module.css";

/** Something to paste elsewhere: a command, an identifier. What is copied may be shown otherwise, where it is not harmless to look at. */
export function CopyCommand({ text, label, shown = text }: { text: string; label: string; shown?: string }) {
  return (
    <div className={classes.box}>
      <pre className={classes.text}>{shown}</pre>
      <CopyButton text={text} label={label} />
    </div>
  );
}

/** Copies a text, and says so. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation();
  const clipboard = useClipboard({ timeout: 2000 });
  const said = clipboard.copied ? t("common.copied") : t("common.copy", { what: label });
  return (
    <>
      <Tooltip label={said}>
        <ActionIcon variant="subtle" aria-label={said} onClick={() => clipboard.copy(text)} className={classes.button}>
          {clipboard.copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
        </ActionIcon>
      </Tooltip>
      <span role="status" className={classes.said}>
        {clipboard.copied ? t("common.copied") : ""}
      </span>
    </>
  );
}
