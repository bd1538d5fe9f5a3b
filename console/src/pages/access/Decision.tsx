import { Stack, Text, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { access } from "@/api/clients";
import { Confirm } from "@/components/Confirm";
import { Facts } from "@/components/Page";
import { Who } from "@/components/Who";
import type { AccessRequest } from "@/gen/policy_pb";
import { lines, plain } from "@/lib/plain";
import { RequestObject } from "./RequestObject";

export type DecisionKind = "approve" | "deny" | "revoke" | "withdraw";

/** Decides on a request, or ends it. What needs a fresh factor asks for it by itself. */
export function Decision({ kind, r, onClose }: { kind: DecisionKind; r: AccessRequest; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [note, setNote] = useState("");
  const decides = kind === "approve" || kind === "deny";
  const work = async () => {
    if (decides) await access.decideAccess({ id: r.id, approve: kind === "approve", note });
    else if (kind === "revoke") await access.revokeAccess({ id: r.id });
    else await access.withdrawAccess({ id: r.id });
    await client.invalidateQueries({ queryKey: ["AccessRequest"] });
    notifications.show({ message: t(`access.decision.${kind}.done`) });
  };
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t(`access.decision.${kind}.title`)}
      action={t(`access.decision.${kind}.action`)}
      what={t(`access.decision.${kind}.failed`)}
      danger={kind === "deny" || kind === "revoke"}
      work={work}
      preview={
        <Stack gap="sm">
          <Text>{t(`access.decision.${kind}.preview`)}</Text>
          <Facts
            of={[
              [t("access.who"), <Who key="w" id={r.user} />],
              [t("access.action"), <code key="a">{plain(r.action)}</code>],
              [t("access.object"), <RequestObject key="o" of={r} />],
              [t("access.reason"), lines(r.reason)],
            ]}
          />
          {decides && (
            <Textarea
              label={t("access.note")}
              value={note}
              onChange={(e) => setNote(e.currentTarget.value)}
              maxLength={500}
              autosize
              minRows={2}
            />
          )}
        </Stack>
      }
    />
  );
}
