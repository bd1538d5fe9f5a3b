import { Drawer, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { CopyCommand } from "@/components/CopyCommand";
import { ButtonLink } from "@/components/links";
import { Facts } from "@/components/Page";
import { SeverityBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Finding } from "@/gen/fleet_pb";
import { plain } from "@/lib/plain";
import { useWords } from "@/lib/words";

/** One finding: what it is, where its evidence is, and where it is dealt with. */
export function FindingDetail({ finding: f, onClose }: { finding: Finding | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const words = useWords();
  return (
    <Drawer
      opened={f !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={t("findings.one")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      {f !== undefined && (
        <Stack gap="md">
          <Group gap="sm">
            <SeverityBadge severity={f.severity} />
            <code>{f.kind}</code>
          </Group>
          <Text style={{ overflowWrap: "anywhere" }}>{words(f.text, f.textZh)}</Text>
          <Facts
            of={[
              [t("findings.subject"), plain(f.subject) || t("table.none")],
              [t("findings.node"), f.nodeName],
              [t("nodes.tenant"), f.tenant],
              [t("findings.first"), <Time key="f" at={f.first} full />],
              [t("findings.last"), <Time key="l" at={f.last} full />],
              [t("findings.overSince"), f.over === undefined ? t("findings.stillOpen") : <Time key="o" at={f.over} full />],
              [t("findings.count"), String(f.count)],
              [t("findings.excepted"), t(f.exception === "" ? "findings.yesno.no" : "findings.yesno.yes")],
            ]}
          />
          <Group gap="xs">
            {f.requirement !== "" && (
              <ButtonLink to="/requirements/$id" params={{ id: f.requirement }} search={{ node: f.node }}>
                {t("findings.deal", { id: f.requirement })}
              </ButtonLink>
            )}
            <ButtonLink to="/nodes/$id" params={{ id: f.node }} variant="default">
              {t("findings.toNode")}
            </ButtonLink>
          </Group>
          <CopyCommand text={f.id} label={t("findings.id")} />
        </Stack>
      )}
    </Drawer>
  );
}
