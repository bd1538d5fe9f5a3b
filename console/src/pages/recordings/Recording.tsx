import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Fetched, recordingList } from "@/api/recordings";
import { Empty } from "@/components/Empty";
import { PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { SessionRecording } from "@/gen/recording_pb";
import { bytes } from "@/lib/bytes";
import { plain } from "@/lib/plain";
import type { Recording } from "@/recording/read";
import { clock } from "@/recording/timeline";
import { useTenant } from "@/shell/scope";
import { Authentic } from "./Authentic";
import { Open } from "./Open";
import classes from "./recordings.module.css";
import { Ended, lengthOf } from "./words";

// The terminal and what shows it are loaded when there is something to show.
const Player = lazy(() => import("./Player").then((m) => ({ default: m.Player })));

/** One recording: what is known of it, whether it is what was recorded, and its replay. */
export function RecordingPage() {
  const { t } = useTranslation();
  const { node, id } = useParams({ from: "/guard/recordings/$node/$id" });
  const known = useQuery({ ...recordingList({ tenant: useTenant(), node, id }), placeholderData: undefined });
  return (
    <Result of={known} what={t("recordings.oneFailed")} rows={8} page>
      {({ rows }) => {
        // Of several records the first one counts; they come newest first.
        const r = rows.filter((x) => x.id === id).at(-1);
        return r === undefined ? (
          <Page title={t("recordings.one")}>
            <Empty title={t("recordings.noSuch")} how={t("recordings.noSuchHow")} />
          </Page>
        ) : (
          <One key={r.record} r={r} />
        );
      }}
    </Result>
  );
}

function One({ r }: { r: SessionRecording }) {
  const { t } = useTranslation();
  const [fetched, setFetched] = useState<Fetched>();
  const [recording, setRecording] = useState<Recording>();
  const said = { who: plain(r.accountName || r.account), container: plain(r.containerName || r.container.slice(0, 12)) };
  return (
    <Page
      title={t(r.kind === "attach" ? "recordings.attachOf" : "recordings.execOf", said)}
      badge={<Ended outcome={r.outcome} />}
      about={
        <>
          <Time at={r.end} full /> · <code className={classes.command}>{plain(r.command)}</code>
        </>
      }
    >
      {recording !== undefined && (
        <Suspense fallback={<p role="status">{t("common.loading")}</p>}>
          <Player recording={recording} />
        </Suspense>
      )}
      <div className={classes.columns}>
        <Open r={r} fetched={fetched} onFetched={setFetched} recording={recording} onRecording={setRecording} />
        <Authentic r={r} fetched={fetched} />
      </div>
      <Known r={r} />
    </Page>
  );
}

function Known({ r }: { r: SessionRecording }) {
  const { t, i18n } = useTranslation();
  const length = lengthOf(r);
  return (
    <Panel title={t("recordings.known")}>
      <div className={classes.facts}>
        <Facts
          of={[
            [t("recordings.who"), plain(`${r.accountName} ${r.account}`)],
            [t("recordings.from"), plain(r.address) || "–"],
            [
              t("recordings.node"),
              <PageLink key="n" to="/nodes/$id" params={{ id: r.node }}>
                {plain(r.nodeName || r.node)}
              </PageLink>,
            ],
            [t("recordings.container"), plain(`${r.containerName} ${r.container.slice(0, 12)}`)],
            [t("recordings.image"), plain(r.image) || "–"],
            [t("recordings.command"), <code key="c">{plain(r.command) || "–"}</code>],
            [t("recordings.began"), <Time key="b" at={r.start} full />],
            [t("recordings.length"), length === undefined ? "–" : clock(length)],
            [t("recordings.bytes"), bytes(r.bytes, i18n.language)],
            [t("recordings.lost"), r.lost === 0n ? "–" : bytes(r.lost, i18n.language)],
            [t("recordings.why"), plain(r.why) || "–"],
            [t("recordings.typed"), t(r.input ? "recordings.typedYes" : "recordings.typedNo")],
            [t("recordings.id"), <code key="i">{plain(r.id)}</code>],
          ]}
        />
      </div>
    </Panel>
  );
}
