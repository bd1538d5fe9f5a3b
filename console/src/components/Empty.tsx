import { Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Empty.module.css";

/** Says why there is nothing, and how that is changed. */
export function Empty({
  title,
  how,
  children,
  page = false,
}: {
  title: string;
  how: string;
  children?: ReactNode;
  page?: boolean;
}) {
  return (
    <div className={classes.empty} data-empty>
      <Title order={page ? 1 : 2} size="h2">
        {title}
      </Title>
      <Text c="dimmed" maw={620}>
        {how}
      </Text>
      {children}
    </div>
  );
}
