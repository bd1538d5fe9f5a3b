import { Skeleton, Stack } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ErrorPanel } from "./ErrorPanel";

/** Shows what was asked for, that it is on its way, or why it does not come. What is there stays while it is asked for again. */
export function Result<T>({
  of,
  what,
  children,
  rows = 3,
  page = false,
}: {
  of: UseQueryResult<T>;
  what: string;
  children: (data: T) => ReactNode;
  rows?: number;
  /** It is all that the page has: its error is the page's heading. */
  page?: boolean;
}) {
  const { t } = useTranslation();
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error !== null) return <ErrorPanel error={of.error} what={what} retry={() => void of.refetch()} heading={page} />;
  return (
    <Stack gap="xs" p="sm" role="status" aria-label={t("common.loading")}>
      {Array.from({ length: rows }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <Skeleton key={i} height={18} />
      ))}
    </Stack>
  );
}
