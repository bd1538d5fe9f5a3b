import { Button, Group, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { info } from "@/api/queries";
import { CopyCommand } from "@/components/CopyCommand";
import { Facts, Page, Panel } from "@/components/Page";
import { Progress } from "@/components/Progress";
import { Result } from "@/components/Result";
import { ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { plain } from "@/lib/plain";

/** A mode that a later server has is shown as it is. */
function modeWord(t: TFunction, mode: string): string {
  const known = (["observe", "enforce"] as const).find((m) => m === mode);
  return known === undefined ? plain(mode) : t(`about.mode.${known}`);
}

/** What the server is, which controls work, and the check of its log. */
export function About() {
  const { t } = useTranslation();
  const of = useQuery(info());
  return (
    <Page title={t("about.title")} about={t("about.about")}>
      <Result of={of} what={t("about.failed")}>
        {(i) => (
          <>
            <Panel title={t("about.server")}>
              <Facts
                of={[
                  [t("about.version"), i.version],
                  [t("about.database"), i.database],
                  [t("about.replica"), i.replica],
                  [t("about.started"), <Time key="s" at={i.started} full />],
                ]}
              />
            </Panel>
            <Panel title={t("about.controls")} flush>
              <Table>
                <Table.Tbody>
                  {Object.entries(i.controls).map(([name, mode]) => (
                    <Table.Tr key={name}>
                      <Table.Td>{name}</Table.Td>
                      <Table.Td>
                        <Group gap={6}>
                          <ToneIcon tone={mode === "enforce" ? "good" : "part"} />
                          {modeWord(t, mode)}
                        </Group>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Panel>
            <Panel title={t("about.log")}>
              {i.breakGlass && <Text fw={600}>{t("about.glass")}</Text>}
              <Text mb="xs">{t("about.logHow")}</Text>
              <CopyCommand text={i.auditKey} label={t("about.key", { origin: i.auditOrigin })} />
              <Progress
                kind="audit_verify"
                name={t("about.verify")}
                start={(run, busy) => (
                  <Button variant="default" size="xs" mt="sm" loading={busy} onClick={run}>
                    {t("about.verify")}
                  </Button>
                )}
              />
            </Panel>
          </>
        )}
      </Result>
      <Text size="xs" c="dimmed">
        {t("about.notice")}
      </Text>
    </Page>
  );
}
