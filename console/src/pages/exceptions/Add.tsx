import { Checkbox, NativeSelect, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { findings } from "@/api/clients";
import { Confirm } from "@/components/Confirm";
import type { Assessment } from "@/gen/operations_pb";
import { useTenant } from "@/shell/scope";

const soon = () => new Date(Date.now() + 30 * 24 * 3600 * 1000).toISOString().slice(0, 10);

/** Records an exception, or asks a second person for it. */
export function AddException(p: { requirement: string; nodes: readonly Assessment[]; onClose: () => void }) {
  const { t } = useTranslation();
  const tenant = useTenant();
  const client = useQueryClient();
  const [check, setCheck] = useState(p.requirement);
  const [subject, setSubject] = useState("");
  const [node, setNode] = useState("");
  const [owner, setOwner] = useState("");
  const [reason, setReason] = useState("");
  const [expires, setExpires] = useState(soon);
  const [second, setSecond] = useState(false);
  // One for a node stands in the node's tenant.
  const of = p.nodes.find((n) => n.node === node)?.tenant ?? tenant;
  return (
    <Confirm
      opened
      onClose={p.onClose}
      title={t("requirements.addTitle", { id: p.requirement })}
      action={second ? t("exceptions.ask") : t("requirements.addException")}
      what={t("requirements.addFailed")}
      disabled={owner.trim() === "" || reason.trim() === "" || !/^\d{4}-\d\d-\d\d$/.test(expires)}
      work={async () => {
        const exception = { tenant: of, check, subject, node, owner, reason, expires };
        if (second) await findings.requestException({ exception });
        else await findings.createException({ exception });
        await client.invalidateQueries({ queryKey: [second ? "ExceptionRequest" : "Exception"] });
        notifications.show({ message: second ? t("exceptions.asked") : t("exceptions.added") });
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
          <Checkbox
            label={t("exceptions.second")}
            description={t("exceptions.secondHow")}
            checked={second}
            onChange={(e) => setSecond(e.currentTarget.checked)}
          />
        </Stack>
      }
    />
  );
}
