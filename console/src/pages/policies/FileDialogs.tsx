import { Radio, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { File } from "@/api/policies";
import { Confirm } from "@/components/Confirm";
import { isName } from "./places";

const templates = {
  ".cedar": (name: string) => `@id("${name}")
@reason("what it is for: read by who is refused")
permit (
  principal in Bulkhead::Role::"operator",
  action == Bulkhead::Action::"ContainerRestart",
  resource is Bulkhead::Container
)
when { context.mfa };
`,
  ".test.yaml": (name: string) => `tests:
  - name: ${name}
    principal: {id: nina, roles: [operator]}
    action: ContainerRestart
    resource: {type: Container, id: web}
    expect: allow
`,
} as const;
type Ending = keyof typeof templates;

/** Begins a file of policies or of tests. */
export function AddFile({ files, onClose, add }: { files: readonly File[]; onClose: () => void; add: (f: File) => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState("");
  const [ending, setEnding] = useState<Ending>(".cedar");
  const whole = name.trim() + ending;
  const bad = name !== "" && !isName(whole, files);
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t("policies.addTitle")}
      action={t("policies.addFile")}
      what={t("policies.addFailed")}
      disabled={!isName(whole, files)}
      work={async () => add({ name: whole, text: templates[ending](name.trim()) })}
      preview={
        <Stack gap="sm">
          <Radio.Group label={t("policies.kind")} value={ending} onChange={(v) => setEnding(v === ".cedar" ? v : ".test.yaml")}>
            <Stack gap="xs" mt="xs">
              <Radio value=".cedar" label={t("policies.kindPolicies")} />
              <Radio value=".test.yaml" label={t("policies.kindTests")} />
            </Stack>
          </Radio.Group>
          <TextInput
            label={t("policies.fileName")}
            description={t("policies.fileNameHow", { ending })}
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            error={bad ? t("policies.badName") : undefined}
            maxLength={90}
            required
            data-autofocus
          />
        </Stack>
      }
    />
  );
}

export function RemoveFile(p: { opened: boolean; name: string; onClose: () => void; remove: () => void }) {
  const { t } = useTranslation();
  return (
    <Confirm
      opened={p.opened}
      onClose={p.onClose}
      title={t("policies.removeTitle", { name: p.name })}
      preview={t("policies.removePreview")}
      action={t("policies.removeFile")}
      what={t("policies.addFailed")}
      danger
      work={async () => p.remove()}
    />
  );
}
