import { Button, NativeSelect, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { findings } from "@/api/clients";
import { exceptionList } from "@/api/queries";
import { Confirm } from "@/components/Confirm";
import { Facts, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Exception } from "@/gen/fleet_pb";
import type { Assessment } from "@/gen/operations_pb";
import { useTenant } from "@/shell/scope";
import classes from "./Requirement.module.css";

/** coveredBy says whether an exception is about a requirement: by its own id or by that of one of its checks. */
export const coveredBy = (e: Exception, requirement: string) => e.check === requirement || e.check.startsWith(`${requirement}/`);

const soon = () => new Date(Date.now() + 30 * 24 * 3600 * 1000).toISOString().slice(0, 10);

/** Failures that are lived with for a time. */
export function Exceptions({ requirement, nodes }: { requirement: string; nodes: readonly Assessment[] }) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const client = useQueryClient();
  const all = useQuery(exceptionList(tenant));
  const [adding, setAdding] = useState(false);
  const [ending, setEnding] = useState<Exception>();
  const again = () => client.invalidateQueries({ queryKey: ["Exception"] });
  return (
    <Panel
      title={t("requirements.exceptions")}
      aside={
        <Button size="xs" variant="default" onClick={() => setAdding(true)}>
          {t("requirements.addException")}
        </Button>
      }
    >
      <Result of={all} what={t("requirements.exceptionsFailed")} rows={1}>
        {({ rows }) => {
          const own = rows.filter((e) => coveredBy(e, requirement));
          if (own.length === 0) return <Text c="dimmed">{t("requirements.noExceptions")}</Text>;
          return own.map((e) => (
            <article key={e.id} className={classes.check}>
              <Facts
                of={[
                  [t("requirements.covers"), <code key="c">{e.check}</code>],
                  [t("requirements.subject"), e.subject || t("requirements.everything")],
                  [t("requirements.until"), e.expires],
                  [t("requirements.owner"), e.owner],
                  [t("requirements.because"), e.reason],
                ]}
              />
              <Button size="compact-xs" variant="default" mt="xs" onClick={() => setEnding(e)}>
                {t("requirements.endException")}
              </Button>
            </article>
          ));
        }}
      </Result>
      {adding && <Add requirement={requirement} nodes={nodes} onClose={() => setAdding(false)} done={again} />}
      <Confirm
        opened={ending !== undefined}
        onClose={() => setEnding(undefined)}
        title={t("requirements.endTitle")}
        preview={t("requirements.endPreview", {
          check: ending?.check ?? "",
          subject: ending?.subject || t("requirements.everything"),
        })}
        action={t("requirements.endException")}
        what={t("requirements.endFailed")}
        danger
        work={async () => {
          await findings.deleteException({ id: ending?.id ?? "" });
          await again();
        }}
      />
    </Panel>
  );
}

function Add(p: { requirement: string; nodes: readonly Assessment[]; onClose: () => void; done: () => Promise<void> }) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const [check, setCheck] = useState(p.requirement);
  const [subject, setSubject] = useState("");
  const [node, setNode] = useState("");
  const [owner, setOwner] = useState("");
  const [reason, setReason] = useState("");
  const [expires, setExpires] = useState(soon);
  return (
    <Confirm
      opened
      onClose={p.onClose}
      title={t("requirements.addTitle", { id: p.requirement })}
      action={t("requirements.addException")}
      what={t("requirements.addFailed")}
      disabled={owner.trim() === "" || reason.trim() === "" || !/^\d{4}-\d\d-\d\d$/.test(expires)}
      work={async () => {
        await findings.createException({ exception: { tenant, check, subject, node, owner, reason, expires } });
        await p.done();
        notifications.show({ message: t("requirements.added") });
      }}
      preview={
        <Stack gap="sm">
          <Text>{t("requirements.addPreview")}</Text>
          <TextInput
            label={t("requirements.covers")}
            description={t("requirements.coversHow")}
            value={check}
            onChange={(e) => setCheck(e.currentTarget.value)}
            required
            maxLength={100}
          />
          <TextInput
            label={t("requirements.subject")}
            description={t("requirements.subjectHow")}
            value={subject}
            onChange={(e) => setSubject(e.currentTarget.value)}
            maxLength={400}
          />
          <NativeSelect
            label={t("requirements.onNode")}
            value={node}
            onChange={(e) => setNode(e.currentTarget.value)}
            data={[
              { value: "", label: t("requirements.everyNode") },
              ...p.nodes.map((n) => ({ value: n.node, label: n.nodeName })),
            ]}
          />
          <TextInput
            label={t("requirements.owner")}
            value={owner}
            onChange={(e) => setOwner(e.currentTarget.value)}
            required
            maxLength={200}
          />
          <Textarea
            label={t("requirements.because")}
            value={reason}
            onChange={(e) => setReason(e.currentTarget.value)}
            required
            maxLength={2000}
            autosize
            minRows={2}
          />
          <TextInput
            type="date"
            label={t("requirements.until")}
            value={expires}
            onChange={(e) => setExpires(e.currentTarget.value)}
            required
          />
        </Stack>
      }
    />
  );
}
