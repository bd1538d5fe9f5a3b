import { Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { pool, pools, rolloutList, useMay, useNames } from "@/api/directory";
import { Confirm } from "@/components/Confirm";
import { PageLink } from "@/components/links";
import { MayButton } from "@/components/MayButton";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Pool, Window } from "@/gen/fleet_pb";
import { plain } from "@/lib/plain";
import { secondsOf, spanWords } from "@/lib/span";
import { absolute, relative } from "@/lib/time";
import { useNow } from "@/lib/useNow";
import userClasses from "../users/User.module.css";
import { EditPool } from "./Edit";
import { collectOf } from "./Pools";
import classes from "./Pools.module.css";
import { deciderOf, RolloutRow } from "./Rollouts";
import { nextOf } from "./windows";

/** One pool: what its nodes follow, and what is on its way to them. */
export function PoolPage() {
  const { t } = useTranslation();
  const { tenant, name } = useParams({ from: "/pools/$tenant/$name" });
  const one = useQuery(pool(`${tenant}/${name}`));
  return (
    <Result of={one} what={t("pools.oneFailed")} rows={8} page>
      {(p) => <One p={p} />}
    </Result>
  );
}

function One({ p }: { p: Pool }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const may = useMay("Pool", p.id);
  const [changing, setChanging] = useState(false);
  const [deleting, setDeleting] = useState(false);
  return (
    <Page
      title={t("pools.one", { name: p.name })}
      about={plain(p.description) || t("pools.oneAbout")}
      actions={
        <>
          <MayButton size="xs" may={may("PoolUpdate")} action="PoolUpdate" onClick={() => setChanging(true)}>
            {t("directory.change")}
          </MayButton>
          {p.name !== "default" && (
            <MayButton size="xs" variant="default" may={may("PoolDelete")} action="PoolDelete" onClick={() => setDeleting(true)}>
              {t("pools.delete")}
            </MayButton>
          )}
        </>
      }
    >
      <div className={userClasses.columns}>
        <Stack gap="md" miw={0}>
          <Rollouts p={p} may={may("PoolUpdate")} />
          <WindowsPanel p={p} />
        </Stack>
        <Stack gap="md" miw={0}>
          <SettingsPanel p={p} />
          <PlanPanel p={p} />
        </Stack>
      </div>
      {changing && <EditPool p={p} onClose={() => setChanging(false)} />}
      <Confirm
        opened={deleting}
        onClose={() => setDeleting(false)}
        title={t("pools.deleteAsk", { name: p.name })}
        action={t("pools.delete")}
        what={t("directory.nothingChanged")}
        danger
        type={p.name}
        preview={<Text>{p.nodes > 0 ? t("pools.deleteNodes", { count: p.nodes }) : t("pools.deletePreview")}</Text>}
        disabled={p.nodes > 0}
        work={async () => {
          await pools.deletePool({ id: p.id });
          await client.invalidateQueries({ queryKey: ["Pool", "list"], refetchType: "all" }); // so that it is not seen in the list again
          await navigate({ to: "/pools" });
          await client.invalidateQueries({ queryKey: ["Pool"] });
        }}
      />
    </Page>
  );
}

function Rollouts({ p, may }: { p: Pool; may: boolean }) {
  const { t } = useTranslation();
  const all = useQuery(rolloutList(p.tenant, p.id));
  const nameOf = useNames((all.data?.rows ?? []).flatMap((r) => [r.author, deciderOf(r.reason)]));
  return (
    <Panel title={t("pools.rollouts")} flush>
      <Result of={all} what={t("pools.rolloutsFailed")}>
        {({ rows, more }) =>
          rows.length === 0 ? (
            <Text px="1rem" py="md" c="dimmed">
              {t("pools.noRollouts")}
            </Text>
          ) : (
            <>
              {rows.map((r) => (
                <RolloutRow key={r.id} r={r} nameOf={nameOf} may={may} />
              ))}
              {more && (
                <Text px="1rem" py="md" c="dimmed">
                  {t("pools.moreRollouts")}
                </Text>
              )}
            </>
          )
        }
      </Result>
    </Panel>
  );
}

function SettingsPanel({ p }: { p: Pool }) {
  const { t, i18n } = useTranslation();
  const assess = p.settings?.assess;
  const own = assess === undefined ? 0 : Object.keys(assess).length;
  return (
    <Panel title={t("pools.settings")}>
      <Facts
        of={[
          [t("directory.tenant"), p.tenant],
          [
            t("directory.nodes"),
            <PageLink key="n" to="/nodes" search={{ only: `pool:${p.name}` }}>
              {p.nodes}
            </PageLink>,
          ],
          [t("pools.version"), p.settingsVersion === 0n ? t("table.none") : String(p.settingsVersion)],
          [t("pools.collect"), spanWords(collectOf(p), i18n.language)],
        ]}
      />
      <Text fw={600} mt="sm">
        {t("pools.assess")}
      </Text>
      {own === 0 ? (
        <Text c="dimmed">{t("pools.assessServer")}</Text>
      ) : (
        <pre className={classes.json}>{JSON.stringify(assess, null, 2)}</pre>
      )}
    </Panel>
  );
}

function PlanPanel({ p }: { p: Pool }) {
  const { t, i18n } = useTranslation();
  const steps = p.plan?.steps ?? [];
  const soak = secondsOf(p.plan?.soak);
  const limit = (n: number | undefined) => (n === undefined || n === 0 ? t("pools.atFirst") : t("pools.above", { percent: n }));
  return (
    <Panel title={t("pools.plan")}>
      <Facts
        of={[
          [t("pools.steps"), steps.length === 0 ? t("pools.allAtOnce") : steps.map((s) => `${s} %`).join(" → ")],
          [t("pools.soak"), soak === 0 ? t("pools.noWait") : spanWords(soak, i18n.language)],
          [t("pools.mostFindings"), limit(p.plan?.mostFindings)],
          [t("pools.mostFailures"), limit(p.plan?.mostFailures)],
          [t("pools.then"), t(`pools.backWord.${p.plan?.rollBack ? "back" : "halt"}`)],
        ]}
      />
    </Panel>
  );
}

function WindowsPanel({ p }: { p: Pool }) {
  const { t } = useTranslation();
  return (
    <Panel title={t("pools.windows")}>
      {p.windows.length === 0 ? (
        <Text c="dimmed">{t("pools.noWindows")}</Text>
      ) : (
        <ul className={classes.list}>
          {p.windows.map((w, i) => (
            <WindowLine key={`${w.begins} ${w.zone}`} w={w} next={nextOf(p.nextWindows[i])} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** A window in words: when it comes next, by the clock of its own zone, and how long it lasts. */
function WindowLine({ w, next }: { w: Window; next: Date | undefined }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const zone = w.zone || "UTC";
  return (
    <li>
      <Text>
        {next === undefined
          ? t("pools.never")
          : t("pools.next", { when: absolute(next, i18n.language, zone), ago: relative(next, now, i18n.language) })}
      </Text>
      <Text c="dimmed">
        {t("pools.lastsFor", { span: spanWords(secondsOf(w.lasts), i18n.language), zone })} · <code>{w.begins}</code>
      </Text>
    </li>
  );
}
