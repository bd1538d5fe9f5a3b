import { Button, Menu, Stack, Text, TextInput } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { nodes } from "@/api/clients";
import { Confirm } from "@/components/Confirm";
import type { Node } from "@/gen/node_pb";

type Action = "cordon" | "drain" | "open" | "revoke" | "delete";

/** actionsOf are those that would change something. */
export function actionsOf(n: { health: string; cordoned: boolean; drained: boolean }): Action[] {
  const revoked = n.health === "revoked";
  if (revoked) return ["delete"];
  const out: Action[] = [];
  if (!n.cordoned) out.push("cordon");
  if (!n.drained) out.push("drain");
  if (n.cordoned) out.push("open");
  return [...out, "revoke"];
}

/** What can be done to a node; each says first what it will do. */
export function NodeActions({ n }: { n: Node }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [action, setAction] = useState<Action>();
  const [reason, setReason] = useState("");
  const running = n.workloads.filter((w) => w.state === "running").length;
  const work = async () => {
    switch (action) {
      case "cordon":
        await nodes.cordonNode({ id: n.id, cordoned: true });
        break;
      case "drain":
        await nodes.cordonNode({ id: n.id, cordoned: true, drained: true });
        break;
      case "open":
        await nodes.cordonNode({ id: n.id });
        break;
      case "revoke":
        await nodes.revokeNode({ id: n.id, reason });
        break;
      case "delete":
        await nodes.deleteNode({ id: n.id });
        await navigate({ to: "/nodes" });
        break;
    }
    await client.invalidateQueries({ queryKey: ["Node"] });
  };
  const hard = action === "revoke" || action === "delete";
  return (
    <>
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <Button variant="default" size="xs" rightSection={<IconChevronDown size={14} aria-hidden />}>
            {t("nodes.actions")}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {actionsOf(n).map((a) => (
            <Menu.Item key={a} c={a === "revoke" || a === "delete" ? "var(--bh-bad)" : undefined} onClick={() => setAction(a)}>
              {t(`nodes.action.${a}`)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Confirm
        opened={action !== undefined}
        onClose={() => setAction(undefined)}
        title={action === undefined ? "" : t(`nodes.ask.${action}`, { name: n.name })}
        action={action === undefined ? "" : t(`nodes.action.${action}`)}
        what={t("nodes.actionFailed")}
        danger={hard}
        type={hard ? n.name : undefined}
        preview={
          action !== undefined && (
            <Stack gap="sm">
              <Text>{t(`nodes.preview.${action}`)}</Text>
              <Text c="dimmed">{t("nodes.running", { count: running })}</Text>
              {action === "revoke" && (
                <TextInput
                  label={t("nodes.reason")}
                  value={reason}
                  onChange={(e) => setReason(e.currentTarget.value)}
                  maxLength={500}
                />
              )}
            </Stack>
          )
        }
        work={work}
      />
    </>
  );
}
