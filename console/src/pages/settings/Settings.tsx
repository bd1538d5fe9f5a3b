import { NativeSelect, SegmentedControl, Stack, Text, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { ownFactors, ownSessions, settings, signInOptions } from "@/api/directory";
import { problemOf } from "@/api/errors";
import { info, me } from "@/api/queries";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { ToneIcon } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { zoneName } from "@/lib/time";
import { changeLanguage } from "@/texts";
import { ServerSettings } from "./Server";
import classes from "./Settings.module.css";

const schemes = ["light", "dark", "auto"] as const;

/** What this browser, the own account and this server are set to. */
export function SettingsPage() {
  const { t } = useTranslation();
  return (
    <Page title={t("settings.title")} about={t("settings.about")}>
      <div className={classes.columns}>
        <Browser />
        <Account />
      </div>
      <Server />
      <Policy />
    </Page>
  );
}

function Browser() {
  const { t, i18n } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Panel title={t("settings.browser")}>
      <Stack gap="md">
        <div>
          <Text id="settings-scheme" size="sm" fw={600} mb={4}>
            {t("shell.scheme")}
          </Text>
          <SegmentedControl
            aria-labelledby="settings-scheme"
            value={colorScheme}
            onChange={(s) => setColorScheme(schemes.find((x) => x === s) ?? "auto")}
            data={schemes.map((s) => ({ value: s, label: t(`shell.schemes.${s}`) }))}
          />
        </div>
        <NativeSelect
          label={t("shell.language")}
          value={i18n.language}
          onChange={(e) => void changeLanguage(i18n, e.currentTarget.value === "zh" ? "zh" : "en")}
          data={[
            { value: "en", label: "English" },
            { value: "zh", label: "中文" },
          ]}
          maw={240}
        />
        <Text c="dimmed">{t("settings.zoneHow", { zone: zoneName() })}</Text>
      </Stack>
    </Panel>
  );
}

function Account() {
  const { t } = useTranslation();
  const caller = useQuery(me());
  const factors = useQuery(ownFactors());
  const sessions = useQuery(ownSessions());
  const kinds = (factors.data ?? [])
    .map((f) => {
      if (f.kind === "recovery") return t("settings.recoveryLeft", { count: f.left });
      return f.name === "" ? t(`settings.factorKind.${f.kind === "totp" ? "totp" : "webauthn"}`) : f.name;
    })
    .join(", ");
  return (
    <Panel
      title={t("settings.account")}
      aside={
        // A page of its own, which is not of the console.
        <a href="/account">{t("shell.ownAccount")}</a>
      }
    >
      <Result of={caller} what={t("settings.accountFailed")}>
        {(c) => (
          <Facts
            of={[
              [t("directory.name"), c.name],
              [t("directory.tenant"), c.tenant],
              [t("directory.roles"), c.roles.join(", ") || t("table.none")],
              [t("directory.factor"), factors.data === undefined ? "…" : kinds || t("table.none")],
              [t("directory.sessions"), sessions.data === undefined ? "…" : String(sessions.data.length)],
              [t("settings.sessionEnds"), <Time key="e" at={c.expires} full />],
            ]}
          />
        )}
      </Result>
    </Panel>
  );
}

function Server() {
  const { t } = useTranslation();
  const of = useQuery(info());
  const ways = useQuery(signInOptions());
  return (
    <Panel title={t("settings.server")}>
      <Result of={of} what={t("about.failed")}>
        {(i) => (
          <Facts
            of={[
              [t("about.version"), i.version],
              [t("settings.address"), location.origin],
              [t("about.replica"), i.replica],
              [t("about.database"), i.database],
              [t("about.started"), <Time key="s" at={i.started} full />],
              [
                t("settings.ways"),
                [t("settings.wayPassword"), t("settings.wayPasskey"), ...(ways.data?.oidcProviders ?? [])].join(", "),
              ],
              [
                t("about.controls"),
                Object.entries(i.controls).map(([name, mode]) => (
                  <span key={name} className={classes.control}>
                    <ToneIcon tone={mode === "enforce" ? "good" : "part"} size={14} /> {name}: {mode}
                  </span>
                )),
              ],
            ]}
          />
        )}
      </Result>
    </Panel>
  );
}

/** What the server runs with is for the provider's people alone; others are told so instead of an error. */
function Policy() {
  const { t } = useTranslation();
  const of = useQuery(settings());
  const code = of.error === null ? "" : problemOf(of.error).code;
  if (code === "denied" || code === "not_found") {
    return (
      <Panel title={t("settings.policy")}>
        <Text c="dimmed">{t("settings.notYours")}</Text>
      </Panel>
    );
  }
  return (
    <Result of={of} what={t("settings.failed")} rows={8}>
      {(s) => <ServerSettings s={s} />}
    </Result>
  );
}
