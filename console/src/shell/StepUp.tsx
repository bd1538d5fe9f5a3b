import { Alert, Button, Divider, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconFingerprint } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { auth } from "@/api/clients";
import { canPasskey, NoPasskey, showPasskey } from "@/api/passkey";
import { answerWith, isCancelled } from "@/api/transport";
import { ErrorPanel } from "@/components/ErrorPanel";
import { signIn } from "./signIn";

/** The question for a fresh second factor. Any call that is refused for want of one opens it, and is made again afterwards. */
export function StepUp() {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [waiting, setWaiting] = useState(false); // for a passkey
  const [error, setError] = useState<unknown>();
  const [providers, setProviders] = useState<string[]>([]);
  const answer = useRef<(ok: boolean) => void>(undefined);
  const passkey = useRef<AbortController>(undefined);

  useEffect(() => {
    answerWith({
      signIn,
      stepUp: async () => {
        // Who has shown one factor only goes on at the page of signing in, which also registers a second one.
        const me = await auth.getCaller({});
        if (!me.mfa) {
          signIn();
          return new Promise<boolean>(() => undefined); // the page is left
        }
        auth.getSignInOptions({}).then(
          (o) => setProviders(o.oidcProviders),
          () => setProviders([]), // the code and the passkey are there all the same
        );
        setCode("");
        setError(undefined);
        setOpened(true);
        return new Promise<boolean>((resolve) => {
          answer.current = resolve;
        });
      },
    });
  }, []);

  const stopWaiting = () => {
    passkey.current?.abort();
    passkey.current = undefined;
    setWaiting(false);
  };
  const end = (ok: boolean) => {
    stopWaiting();
    setOpened(false);
    answer.current?.(ok);
    answer.current = undefined;
  };
  const attemptPasskey = async () => {
    const control = new AbortController();
    passkey.current = control;
    setWaiting(true);
    setError(undefined);
    try {
      await showPasskey(control.signal);
      end(true);
    } catch (err) {
      // Whoever went on to another factor stopped it, and is told of that one.
      if (!isCancelled(err) && passkey.current === control) setError(err);
    } finally {
      if (passkey.current === control) stopWaiting();
    }
  };
  const attempt = async (work: () => Promise<unknown>) => {
    stopWaiting();
    setBusy(true);
    setError(undefined);
    try {
      await work();
      end(true);
    } catch (err) {
      setError(err);
    } finally {
      setBusy(false);
    }
  };
  const atProvider = async (provider: string) => {
    const { url } = await auth.startOIDC({ provider, returnTo: location.pathname + location.search, fresh: true });
    location.assign(url);
  };
  return (
    <Modal
      opened={opened}
      onClose={() => end(false)}
      title={t("account.again")}
      closeButtonProps={{ "aria-label": t("common.close") }}
      zIndex={400}
    >
      <Stack gap="md">
        <Text>{t("account.why")}</Text>
        {canPasskey && (
          <Button
            leftSection={<IconFingerprint size={16} aria-hidden />}
            loading={waiting}
            disabled={busy}
            onClick={() => void attemptPasskey()}
          >
            {t("account.passkey")}
          </Button>
        )}
        {waiting && (
          <Group justify="space-between" gap="xs">
            <Text size="sm" c="dimmed" role="status" flex={1}>
              {t("account.waiting")}
            </Text>
            <Button size="compact-xs" variant="default" onClick={stopWaiting}>
              {t("account.stop")}
            </Button>
          </Group>
        )}
        {error instanceof NoPasskey && (
          <Alert
            color="yellow"
            variant="light"
            icon={<IconAlertTriangle aria-hidden />}
            role="alert"
            title={t("account.noPasskey")}
          >
            {t("account.noPasskeyHow")}
          </Alert>
        )}
        {providers.map((p) => (
          <Button key={p} variant="default" onClick={() => void attempt(() => atProvider(p))}>
            {t("account.provider", { name: p })}
          </Button>
        ))}
        <Divider label={t("account.or")} />
        <form
          onSubmit={(e) => {
            e.preventDefault();
            void attempt(() => auth.verifyCode({ code: code.replaceAll(" ", "") }));
          }}
        >
          <Stack gap="sm">
            <TextInput
              label={t("account.code")}
              value={code}
              onChange={(e) => setCode(e.currentTarget.value)}
              autoComplete="one-time-code"
              inputMode="text"
              maxLength={64}
              data-autofocus
            />
            {error !== undefined && !(error instanceof NoPasskey) && <ErrorPanel error={error} what={t("account.notShown")} />}
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={() => end(false)}>
                {t("common.cancel")}
              </Button>
              <Button type="submit" loading={busy} disabled={code.trim().length < 6}>
                {t("account.verify")}
              </Button>
            </Group>
          </Stack>
        </form>
      </Stack>
    </Modal>
  );
}
