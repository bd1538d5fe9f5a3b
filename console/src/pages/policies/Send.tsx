import { Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { policies } from "@/api/clients";
import { type File, preview } from "@/api/policies";
import { Confirm } from "@/components/Confirm";
import { Result } from "@/components/Result";
import { Checks, Effect, sound } from "./Check";

interface Props {
  kind: "apply" | "propose" | "rollback";
  tenant: string;
  files: readonly File[];
  /** The version in force that it was made from. */
  base: bigint;
  /** The version that is put into force again. */
  to?: bigint;
  onClose: () => void;
  sent: () => void;
}

/** Shows what a draft or an earlier version would do, asks why, and puts it into force or proposes it. */
export function Send(p: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [note, setNote] = useState(p.to === undefined ? "" : t("policies.backTo", { version: String(p.to) }));
  const found = useQuery(preview(p.tenant, p.files, 7));
  const files = [...p.files];
  const work = async () => {
    let version = "";
    if (p.kind === "propose") {
      const made = await policies.proposePolicies({ tenant: p.tenant, files, note, baseVersion: p.base });
      p.sent();
      await client.invalidateQueries({ queryKey: ["PolicyProposal"] });
      notifications.show({ message: t("policies.proposed") });
      await navigate({ to: "/policies/proposals/$id", params: { id: made.id } });
      return;
    }
    if (p.kind === "apply")
      version = String((await policies.applyPolicies({ tenant: p.tenant, files, note, baseVersion: p.base })).version);
    else version = String((await policies.rollbackPolicies({ tenant: p.tenant, version: p.to ?? 0n, note })).version);
    p.sent();
    await client.invalidateQueries({ queryKey: ["Policy"] });
    await client.invalidateQueries({ queryKey: ["PolicyProposal"] });
    notifications.show({ message: t("policies.applied", { version }) });
    await navigate({ to: "/policies", search: (old) => ({ tenant: old.tenant }) });
  };
  return (
    <Confirm
      opened
      onClose={p.onClose}
      title={t(`policies.send.${p.kind}.title`)}
      action={t(`policies.send.${p.kind}.action`)}
      what={t(`policies.send.${p.kind}.failed`)}
      disabled={found.data === undefined || !sound(found.data) || (p.kind === "propose" && note.trim() === "")}
      work={work}
      preview={
        <Stack gap="sm">
          <Text>{t(`policies.send.${p.kind}.preview`, { version: String(p.base) })}</Text>
          <Result of={found} what={t("policies.effectFailed")} rows={2}>
            {(x) => (
              <div>
                <Checks of={x} />
                {x.problems.length === 0 && <Effect of={x} />}
              </div>
            )}
          </Result>
          <Textarea
            label={t("policies.why")}
            description={p.kind === "propose" ? t("policies.whyRead") : t("policies.whyKept")}
            value={note}
            onChange={(e) => setNote(e.currentTarget.value)}
            required={p.kind === "propose"}
            maxLength={500}
            autosize
            minRows={2}
          />
        </Stack>
      }
    />
  );
}
