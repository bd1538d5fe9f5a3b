import { Button, Text } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { guardPreview } from "@/api/guard";
import { Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { PreviewGuardResponse } from "@/gen/guard_pb";
import { absolute, dateOf } from "@/lib/time";
import { useTenant } from "@/shell/scope";
import classes from "./guard.module.css";
import { RuleList, timesOf } from "./RuleList";

interface Props {
  title: string;
  outcome: "refused" | "would_refuse";
  node?: string;
  /** What is said where nothing was refused. */
  empty: (calls: number) => ReactNode;
  /** What is said above the rules. */
  lead?: (rules: number) => ReactNode;
}

/** What was refused in the last week, or would have been, by rule. */
export function Preview({ title, outcome, node = "", empty, lead }: Props) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const found = useQuery(guardPreview(tenant, node));
  return (
    <Panel
      title={title}
      flush
      aside={
        <Button
          size="compact-xs"
          variant="default"
          loading={found.isFetching && found.data !== undefined}
          leftSection={<IconRefresh size={13} aria-hidden />}
          onClick={() => void found.refetch()}
        >
          {t("guard.load")}
        </Button>
      }
    >
      <Result of={found} what={t("guard.previewFailed")} rows={6}>
        {(p) => {
          const rules = p.rules.filter((r) => timesOf(r, outcome) > 0).sort((a, b) => timesOf(b, outcome) - timesOf(a, outcome));
          if (rules.length === 0) return empty(Number(p.calls));
          return (
            <>
              {lead?.(rules.length)}
              <RuleList rules={rules} outcome={outcome} node={node || undefined} />
              <Counted p={p} />
            </>
          );
        }}
      </Result>
    </Panel>
  );
}

/** How much was looked at, and that it is not all where it is not. */
function Counted({ p }: { p: PreviewGuardResponse }) {
  const { t, i18n } = useTranslation();
  const since = dateOf(p.since);
  return (
    <Text size="xs" c="dimmed" className={classes.counted}>
      {t("guard.counted", { count: Number(p.calls) })}{" "}
      {since !== undefined && t(p.truncated ? "guard.onlySince" : "guard.since", { time: absolute(since, i18n.language) })}
    </Text>
  );
}
