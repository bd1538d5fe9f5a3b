import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { PageLink } from "@/components/links";
import { Time } from "@/components/Time";
import type { SessionRecording } from "@/gen/recording_pb";
import { bytes } from "@/lib/bytes";
import { plain } from "@/lib/plain";
import { dateOf } from "@/lib/time";
import { clock } from "@/recording/timeline";
import type { Column } from "@/table/columns";
import { Ended, lengthOf } from "./words";

export function useColumns(): Column<SessionRecording>[] {
  const { t, i18n } = useTranslation();
  return useMemo(
    (): Column<SessionRecording>[] => [
      {
        id: "ended",
        header: t("recordings.ended"),
        value: (r) => dateOf(r.end),
        cell: (r) => (
          <PageLink to="/guard/recordings/$node/$id" params={{ node: r.node, id: r.id }}>
            <Time at={r.end} />
          </PageLink>
        ),
        min: 120,
        grow: 0.6,
      },
      { id: "who", header: t("recordings.who"), value: (r) => plain(r.accountName || r.account), few: true, min: 100 },
      { id: "kind", header: t("recordings.kind"), value: (r) => plain(r.kind), few: true, min: 70, grow: 0.3 },
      {
        id: "container",
        header: t("recordings.container"),
        value: (r) => plain(r.containerName || r.container.slice(0, 12)),
        few: true,
        min: 110,
      },
      { id: "command", header: t("recordings.command"), value: (r) => plain(r.command), min: 150, grow: 2 },
      { id: "node", header: t("recordings.node"), value: (r) => plain(r.nodeName || r.node), few: true, min: 100 },
      {
        id: "length",
        header: t("recordings.length"),
        value: (r) => lengthOf(r),
        cell: (r) => (lengthOf(r) === undefined ? "–" : clock(lengthOf(r) ?? 0)),
        numeric: true,
        min: 75,
        grow: 0.3,
      },
      {
        id: "bytes",
        header: t("recordings.bytes"),
        value: (r) => Number(r.bytes),
        cell: (r) => bytes(r.bytes, i18n.language),
        numeric: true,
        min: 85,
        grow: 0.3,
      },
      {
        id: "outcome",
        header: t("recordings.how"),
        value: (r) => r.outcome,
        cell: (r) => <Ended outcome={r.outcome} />,
        few: true,
        min: 165,
        grow: 0.4,
      },
      { id: "lost", header: t("recordings.lost"), value: (r) => Number(r.lost), numeric: true, hidden: true, min: 80 },
      { id: "from", header: t("recordings.from"), value: (r) => plain(r.address), hidden: true, min: 110 },
      { id: "image", header: t("recordings.image"), value: (r) => plain(r.image), few: true, hidden: true, min: 140 },
      { id: "digest", header: t("recordings.digest"), value: (r) => plain(r.digest), hidden: true, min: 160 },
      { id: "tenant", header: t("recordings.tenant"), value: (r) => plain(r.tenant), few: true, hidden: true, min: 90 },
    ],
    [t, i18n.language],
  );
}
