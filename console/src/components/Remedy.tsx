import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import { lines } from "@/lib/plain";
import { CopyButton } from "./CopyCommand";
import classes from "./CopyCommand.module.css";

/** What to do about something, to read and to copy: for a ticket, or for the commands in it. */
export function Remedy({ text, label, children }: { text: string; label: string; children?: ReactNode }) {
  const shown = lines(text.replaceAll("`", ""));
  return (
    <div className={classes.remedy}>
      <Text className={classes.grow}>
        {children} {shown}
      </Text>
      <CopyButton text={shown} label={label} />
    </div>
  );
}
