import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { findings } from "@/api/clients";
import { Confirm } from "@/components/Confirm";
import type { Exception } from "@/gen/fleet_pb";

/** Ends an exception, after saying what that means. */
export function EndException({ of, onClose }: { of: Exception | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  return (
    <Confirm
      opened={of !== undefined}
      onClose={onClose}
      title={t("requirements.endTitle")}
      preview={t("requirements.endPreview", { check: of?.check ?? "", subject: of?.subject || t("requirements.everything") })}
      action={t("requirements.endException")}
      what={t("requirements.endFailed")}
      danger
      work={async () => {
        await findings.deleteException({ id: of?.id ?? "" });
        await client.invalidateQueries({ queryKey: ["Exception"] });
      }}
    />
  );
}
