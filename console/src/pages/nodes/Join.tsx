import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { nodes } from "@/api/clients";
import { isCancelled } from "@/api/transport";
import { CopyCommand } from "@/components/CopyCommand";
import { ErrorPanel } from "@/components/ErrorPanel";
import { ButtonLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Time } from "@/components/Time";
import type { CreateJoinTokenResponse } from "@/gen/node_pb";
import { shellQuoted } from "@/lib/shell";
import { useTenant } from "@/shell/scope";

/** joinCommand is what makes a machine a node. The secret goes through a file that only root reads, not through the list of processes. */
export function joinCommand(url: string, secret: string): string {
  return [
    `sudo sh -c ${shellQuoted(`umask 077; echo ${secret} > /root/join.token`)}`,
    `sudo bulkhead agent --join ${shellQuoted(url)} --token-file /root/join.token`,
  ].join("\n");
}

/** Makes a one-time token and the command that uses it. */
export function Join() {
  const { t } = useTranslation();
  const tenant = useTenant();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [pool, setPool] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<CreateJoinTokenResponse>();
  const make = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setMade(await nodes.createJoinToken({ tenant, name, pool, minutes: 60 }));
      await client.invalidateQueries({ queryKey: ["JoinToken"] });
    } catch (err) {
      if (!isCancelled(err)) setError(err);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Page title={t("nodes.join")} about={t("nodes.joinAbout")}>
      <Panel title={t("nodes.token")}>
        <form
          onSubmit={(e) => {
            e.preventDefault();
            void make();
          }}
        >
          <Stack gap="sm" maw={480}>
            <TextInput
              label={t("nodes.tokenFor")}
              description={t("nodes.tokenForHow")}
              value={name}
              onChange={(e) => setName(e.currentTarget.value)}
              maxLength={100}
            />
            <TextInput
              label={t("nodes.pool")}
              description={t("nodes.poolHow")}
              value={pool}
              onChange={(e) => setPool(e.currentTarget.value)}
              maxLength={63}
              placeholder="default"
            />
            <Group>
              <Button type="submit" loading={busy}>
                {t("nodes.makeToken")}
              </Button>
            </Group>
          </Stack>
        </form>
        {error !== undefined && <ErrorPanel error={error} what={t("nodes.tokenFailed")} />}
      </Panel>
      {made !== undefined && (
        <Panel title={t("nodes.command")}>
          <Stack gap="sm">
            <Text>
              {t("nodes.commandHow")} {t("nodes.until")} <Time at={made.token?.expires} full />
            </Text>
            <CopyCommand text={joinCommand(made.joinUrl, made.secret)} label={t("nodes.command")} />
            <Text c="dimmed">{t("nodes.commandThen")}</Text>
            <Group>
              <ButtonLink to="/nodes" variant="default">
                {t("nodes.title")}
              </ButtonLink>
              <ButtonLink to="/nodes/tokens" variant="default">
                {t("directory.joinTokens")}
              </ButtonLink>
            </Group>
          </Stack>
        </Panel>
      )}
    </Page>
  );
}
