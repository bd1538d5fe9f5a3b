import { Drawer, Group, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { EventLines } from "@/components/EventLines";
import { PageLink } from "@/components/links";
import { Facts } from "@/components/Page";
import { SeverityBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { EventLine } from "@/lib/events";
import { findingsOf } from "@/lib/findings";
import { plain } from "@/lib/plain";
import { useWords } from "@/lib/words";
import { useKind } from "./useColumns";

const shown = 50;

/** A line of equal events: what it says, and each of them. */
export function EventDetail({ line: l, onClose }: { line: EventLine | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const words = useWords();
  const kindWord = useKind();
  const found = l && findingsOf(l.last, l.nodes > 1);
  return (
    <Drawer
      opened={l !== undefined}
      onClose={onClose}
      position="right"
      size="lg"
      title={t("events.one")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      {l !== undefined && (
        <Stack gap="md">
          <Group gap="sm">
            <SeverityBadge severity={l.last.severity} />
            <Text fw={600}>{kindWord(l.last.kind)}</Text>
          </Group>
          <Text style={{ overflowWrap: "anywhere" }}>{words(l.last.text, l.last.textZh)}</Text>
          {found !== undefined && (
            <PageLink to="/findings" search={found}>
              {t(l.nodes > 1 ? "events.findingsOf" : "events.findingsOn", {
                check: plain(l.last.after),
                node: plain(l.last.nodeName),
              })}
            </PageLink>
          )}
          <Facts
            of={[
              [t("events.when"), <Time key="t" at={l.last.time} full />],
              [t("events.count"), String(l.events.length)],
              [t("nodes.tenant"), plain(l.last.tenant)],
              [t("events.id"), <code key="i">{l.last.id}</code>],
            ]}
          />
          <div>
            <Text fw={600} mb={4}>
              {t("events.each")}
            </Text>
            <EventLines events={l.events.slice(0, shown)} />
            {l.events.length > shown && <Text c="dimmed">{t("events.moreOf", { count: l.events.length - shown })}</Text>}
          </div>
        </Stack>
      )}
    </Drawer>
  );
}
