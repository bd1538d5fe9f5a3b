import { Stack, Text, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { tenants } from "@/api/clients";
import { Confirm } from "@/components/Confirm";
import type { Tenant } from "@/gen/directory_pb";
import { isTenantId, labelsOf, labelText, mostLabels } from "./labels";

/** Makes a tenant, or changes its name and labels. */
export function EditTenant({ of, onClose }: { of?: Tenant; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [id, setId] = useState(of?.id ?? "");
  const [name, setName] = useState(of?.name ?? "");
  const [text, setText] = useState(labelText(of?.labels ?? {}));
  const labels = labelsOf(text);
  const paths = [name !== of?.name && "name", text !== labelText(of?.labels ?? {}) && "labels"].filter((x) => x !== false);
  return (
    <Confirm
      opened
      onClose={onClose}
      title={of === undefined ? t("directory.makeTenant") : t("directory.changeTitle", { name: of.id })}
      action={of === undefined ? t("directory.makeTenant") : t("directory.save")}
      what={t("directory.nothingChanged")}
      disabled={labels === undefined || (of === undefined ? !isTenantId(id) : paths.length === 0)}
      work={async () => {
        if (of === undefined) await tenants.createTenant({ tenant: { id, name, labels } });
        else await tenants.updateTenant({ tenant: { ...of, name, labels: labels ?? {} }, updateMask: { paths } });
        await client.invalidateQueries({ queryKey: ["Tenant"] });
      }}
      preview={
        <Stack gap="sm">
          {of === undefined && (
            <>
              <Text>{t("directory.tenantPreview")}</Text>
              <TextInput
                label={t("directory.tenantId")}
                description={t("directory.tenantIdHow")}
                error={id !== "" && !isTenantId(id) ? t("directory.tenantIdWrong") : undefined}
                value={id}
                onChange={(e) => setId(e.currentTarget.value)}
                required
                maxLength={63}
                autoComplete="off"
                spellCheck={false}
                data-autofocus
              />
            </>
          )}
          <TextInput
            label={t("directory.tenantName")}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            maxLength={100}
            data-autofocus={of !== undefined || undefined}
          />
          <Textarea
            label={t("directory.labels")}
            description={t("directory.labelsHow")}
            error={labels === undefined ? t("directory.labelsWrong", { most: mostLabels }) : undefined}
            value={text}
            onChange={(e) => setText(e.currentTarget.value)}
            autosize
            minRows={2}
            maxRows={8}
            maxLength={22000}
          />
        </Stack>
      }
    />
  );
}
