import { Button, Group, Text } from "@mantine/core";
import { IconAlertOctagon } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { type Problem, problemOf } from "@/api/errors";
import { isCancelled } from "@/api/transport";
import classes from "./ErrorPanel.module.css";
import { PageLink } from "./links";

const codes = [
  "invalid",
  "unauthenticated",
  "factor_required",
  "step_up_required",
  "approval_required",
  "denied",
  "not_found",
  "exists",
  "conflict",
  "last_administrator",
  "too_many_requests",
  "too_large",
  "expired",
  "audit_unavailable",
  "unavailable",
  "internal",
  "network",
  "console",
  "unimplemented",
] as const;
export type ErrorCode = (typeof codes)[number];

export function codeOf(p: Problem): ErrorCode {
  return codes.find((c) => c === p.code) ?? "internal";
}

/** What failed, why, and what to do: the one way in which an error is shown. `what` says what the page wanted. */
export function ErrorPanel({
  error,
  what,
  retry,
  heading = false,
}: {
  error: unknown;
  what: string;
  retry?: () => void;
  heading?: boolean;
}) {
  const { t, i18n } = useTranslation();
  if (isCancelled(error)) return null;
  const p = problemOf(error);
  const code = codeOf(p);
  const english = i18n.language === "en";
  const remedy = english && p.remedy !== "" ? p.remedy : t(`errors.${code}.remedy`);
  return (
    <div role="alert" className={classes.panel}>
      <IconAlertOctagon size={20} aria-hidden className={classes.icon} />
      <div className={classes.body}>
        <Text fw={600} component={heading ? "h1" : "p"} m={0} size="md">
          {what}
        </Text>
        <Text>
          {t(`errors.${code}.why`)}
          {p.message !== "" && <span className={classes.message}> {t("errors.said", { message: p.message })}</span>}
        </Text>
        <Text>{remedy}</Text>
        <Group gap="md" className={classes.facts}>
          <span>
            {t("errors.code")} <code>{p.code}</code>
          </span>
          {p.field !== "" && (
            <span>
              {t("errors.field")} <code>{p.field}</code>
            </span>
          )}
          {p.policies.length > 0 && (
            <span>
              {t("errors.policies")} <code>{p.policies.join(", ")}</code>
            </span>
          )}
          {p.record !== "" && (
            <span>
              {t("errors.record")}{" "}
              <PageLink to="/audit/records/$" params={{ _splat: p.record }}>
                <code>{p.record}</code>
              </PageLink>
            </span>
          )}
        </Group>
        {retry !== undefined && (
          <Button variant="default" size="xs" mt="xs" onClick={retry}>
            {t("errors.retry")}
          </Button>
        )}
      </div>
    </div>
  );
}
