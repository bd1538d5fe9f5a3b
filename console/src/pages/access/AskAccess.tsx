import { Autocomplete, NativeSelect, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { access } from "@/api/clients";
import { policySchema } from "@/api/policies";
import { Confirm } from "@/components/Confirm";
import { actionsOf, typesOf } from "../policies/places";

const minutes = [15, 30, 60, 120, 240, 480] as const;

/** Asks for one action on one object for a time. */
export function AskAccess({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const schema = useQuery(policySchema());
  const [action, setAction] = useState("");
  const [type, setType] = useState("Tenant");
  const [id, setID] = useState("");
  const [reason, setReason] = useState("");
  const [long, setLong] = useState<number>(60);
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("access.askTitle")}
      action={t("access.askAction")}
      what={t("access.askFailed")}
      disabled={action === "" || type === "" || id.trim() === "" || reason.trim() === ""}
      work={async () => {
        await access.requestAccess({ action, resource: { type, id: id.trim() }, reason, duration: { seconds: BigInt(long * 60) } });
        await client.invalidateQueries({ queryKey: ["AccessRequest"] });
        notifications.show({ message: t("access.asked") });
      }}
      preview={
        <Stack gap="sm">
          <Text>{t("access.askPreview")}</Text>
          <Autocomplete
            label={t("access.action")}
            description={t("access.actionHow")}
            value={action}
            onChange={setAction}
            data={actionsOf(schema.data?.cedar ?? "")}
            limit={20}
            maxLength={64}
            required
            data-autofocus
          />
          <Autocomplete
            label={t("access.type")}
            value={type}
            onChange={setType}
            data={typesOf(schema.data?.cedar ?? "")}
            limit={40}
            maxLength={64}
            required
          />
          <TextInput
            label={t("access.id")}
            description={t("access.idHow")}
            value={id}
            onChange={(e) => setID(e.currentTarget.value)}
            maxLength={256}
            required
          />
          <NativeSelect
            label={t("access.howLong")}
            value={String(long)}
            onChange={(e) => setLong(Number(e.currentTarget.value))}
            data={minutes.map((m) => ({ value: String(m), label: t("access.for", { count: m }) }))}
          />
          <Textarea
            label={t("access.reason")}
            description={t("access.reasonHow")}
            value={reason}
            onChange={(e) => setReason(e.currentTarget.value)}
            maxLength={500}
            autosize
            minRows={2}
            required
          />
        </Stack>
      }
    />
  );
}
