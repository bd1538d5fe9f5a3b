import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { CopyCommand } from "./CopyCommand";

/** A secret that the server gives once: it is not kept anywhere, so a click beside it must not lose it. */
export function ShownOnce(p: { title: string; label: string; secret: string; children: ReactNode; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={p.onClose}
      title={p.title}
      size="lg"
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
    >
      <Stack gap="md">
        <Text component="div">{p.children}</Text>
        <CopyCommand text={p.secret} label={p.label} />
        <Text c="dimmed">{t("common.once")}</Text>
        <Group justify="flex-end">
          <Button onClick={p.onClose} data-autofocus>
            {t("common.haveIt")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
