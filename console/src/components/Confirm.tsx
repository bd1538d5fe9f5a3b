import { Button, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { isCancelled } from "@/api/transport";
import { ErrorPanel } from "./ErrorPanel";
import { useReturn } from "./useReturn";

interface Props {
  opened: boolean;
  onClose: () => void;
  /** What is about to be done, as a question. */
  title: string;
  /** What will be different afterwards: nothing destructive is done without it. */
  preview: ReactNode;
  action: string;
  /** What has to be typed first, for what can't be undone. */
  type?: string;
  danger?: boolean;
  what: string;
  disabled?: boolean;
  work: () => Promise<unknown>;
}

/** Shows what an action will do before it is done, and what went wrong if it was not. */
export function Confirm(p: Props) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  useReturn(p.opened);
  const close = () => {
    setTyped("");
    setError(undefined);
    p.onClose();
  };
  const run = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await p.work();
      close();
    } catch (err) {
      if (!isCancelled(err)) setError(err);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Modal
      opened={p.opened}
      onClose={close}
      title={p.title}
      size="lg"
      returnFocus={false}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void run();
        }}
      >
        <Stack gap="md">
          <div>{p.preview}</div>
          {p.type !== undefined && (
            <TextInput
              label={t("common.type", { text: p.type })}
              value={typed}
              onChange={(e) => setTyped(e.currentTarget.value)}
              autoComplete="off"
              spellCheck={false}
              data-autofocus
            />
          )}
          {error !== undefined && <ErrorPanel error={error} what={p.what} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>
              {t("common.cancel")}
            </Button>
            <Button
              type="submit"
              loading={busy}
              disabled={p.disabled || (p.type !== undefined && typed !== p.type)}
              color={p.danger ? "red.9" : undefined}
            >
              {p.action}
            </Button>
          </Group>
          <Text role="status" className="hidden-text">
            {busy ? t("common.working") : ""}
          </Text>
        </Stack>
      </form>
    </Modal>
  );
}
