import { Button, Drawer, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { CopyCommand } from "@/components/CopyCommand";
import { ButtonLink, PageLink } from "@/components/links";
import { Facts } from "@/components/Page";
import { SeverityBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Finding } from "@/gen/fleet_pb";
import { lines, plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import { FindingState } from "./State";

interface Props {
  finding: Finding | undefined;
  onClose: () => void;
  triage: (f: Finding) => void;
}

/** A finding at a glance; its page has the rest. */
export function FindingDetail({ finding: f, onClose, triage }: Props) {
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
            <FindingState state={f.state} />
            <code>{f.kind}</code>
          </Group>
          <Text style={{ overflowWrap: "anywhere" }}>{words(f.text, f.textZh)}</Text>
          <Facts
            of={[
              [t("findings.subject"), plain(f.subject) || t("table.none")],
              [
                t("findings.node"),
                <PageLink key="n" to="/nodes/$id" params={{ id: f.node }}>
                  {f.nodeName}
                </PageLink>,
              ],
              [t("nodes.tenant"), f.tenant],
              [t("findings.owner"), plain(f.owner?.name ?? "") || t("findings.noOwner")],
              [t("findings.first"), <Time key="f" at={f.first} full />],
              [t("findings.last"), <Time key="l" at={f.last} full />],
              [t("findings.overSince"), f.over === undefined ? t("findings.stillOpen") : <Time key="o" at={f.over} full />],
              [t("findings.count"), String(f.count)],
              [t("findings.excepted"), t(f.exception === "" ? "findings.yesno.no" : "findings.yesno.yes")],
            ]}
          />
          {f.comment !== "" && (
            <Text style={{ overflowWrap: "anywhere", whiteSpace: "pre-wrap" }}>
              <strong>{t("findings.lastComment")}</strong> {lines(f.comment)}
            </Text>
          )}
          <Group gap="xs">
            <ButtonLink to="/findings/$node/$id" params={{ node: f.node, id: f.id }}>
              {t("findings.whole")}
            </ButtonLink>
            <Button variant="default" onClick={() => triage(f)}>
              {t("findings.triage")}
            </Button>
          </Group>
          <CopyCommand text={f.id} label={t("findings.id")} />
        </Stack>
      )}
    </Drawer>
  );
}
