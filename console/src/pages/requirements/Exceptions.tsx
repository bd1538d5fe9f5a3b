import { Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { waitingExceptions } from "@/api/proofs";
import { exceptionList } from "@/api/queries";
import { Facts, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Exception } from "@/gen/fleet_pb";
import type { Assessment } from "@/gen/operations_pb";
import { AddException } from "@/pages/exceptions/Add";
import { EndException } from "@/pages/exceptions/End";
import { Requests } from "@/pages/exceptions/Requests";
import { Ends } from "@/pages/exceptions/Until";
import { Who } from "@/pages/exceptions/Who";
import { useTenant } from "@/shell/scope";
import classes from "./Requirement.module.css";

/** coveredBy says whether an exception is about a requirement: by its own id or by that of one of its checks. */
export const coveredBy = (e: Pick<Exception, "check">, requirement: string) =>
  e.check === requirement || e.check.startsWith(`${requirement}/`);

/** Failures that are lived with for a time, and what was asked for. */
export function Exceptions({ requirement, nodes }: { requirement: string; nodes: readonly Assessment[] }) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const all = useQuery(exceptionList(tenant));
  const waiting = useQuery(waitingExceptions(tenant));
  const [adding, setAdding] = useState(false);
  const [ending, setEnding] = useState<Exception>();
  const asked = waiting.data?.rows.filter((r) => r.exception !== undefined && coveredBy(r.exception, requirement)) ?? [];
  return (
    <Panel
      title={t("requirements.exceptions")}
      flush
      aside={
        <Button size="xs" variant="default" onClick={() => setAdding(true)}>
          {t("requirements.addException")}
        </Button>
      }
    >
      {asked.length > 0 && <Requests of={asked} />}
      <Result of={all} what={t("requirements.exceptionsFailed")} rows={1}>
        {({ rows }) => {
          const own = rows.filter((e) => coveredBy(e, requirement));
          if (own.length === 0)
            return asked.length > 0 ? null : (
              <Text p="md" c="dimmed">
                {t("requirements.noExceptions")}
              </Text>
            );
          return own.map((e) => (
            <article key={e.id} className={classes.exception}>
              <Facts
                of={[
                  [t("requirements.covers"), <code key="c">{e.check}</code>],
                  [t("requirements.subject"), e.subject || t("requirements.everything")],
                  [
                    t("requirements.until"),
                    <Group key="u" gap={6}>
                      {e.expires} <Ends expires={e.expires} always />
                    </Group>,
                  ],
                  [t("requirements.owner"), e.owner],
                  [t("requirements.because"), e.reason],
                  ...(e.approver === ""
                    ? []
                    : ([[t("exceptions.approver"), <Who key="a" id={e.approver} />]] as [string, React.ReactNode][])),
                ]}
              />
              <Button size="compact-xs" variant="default" mt="xs" onClick={() => setEnding(e)}>
                {t("requirements.endException")}
              </Button>
            </article>
          ));
        }}
      </Result>
      {adding && <AddException requirement={requirement} nodes={nodes} onClose={() => setAdding(false)} />}
      <EndException of={ending} onClose={() => setEnding(undefined)} />
    </Panel>
  );
}
