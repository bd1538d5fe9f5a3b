import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { guardList } from "@/api/guard";
import { Empty } from "@/components/Empty";
import { ButtonLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Guard } from "@/gen/guard_pb";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import { tableSearch } from "@/table/state";
import { GuardOf, Switch } from "./GuardOf";
import { GuardTable } from "./GuardTable";
import { GuardTabs } from "./GuardTabs";
import classes from "./guard.module.css";
import { Preview } from "./Preview";
import { ProfileRules } from "./ProfileRules";
import { modeOf } from "./parts";

/** From observing to enforcing: the guards, what enforcement would have refused in the last week, and the rules. */
export function EnforcePage() {
  const { t } = useTranslation();
  const replace = useReplace();
  const search = useSearch({ from: "/guard/enforce" });
  const table = useMemo(() => tableSearch({ ...search }), [search]);
  const guards = useQuery(guardList(useTenant()));
  const chosen = guards.data?.rows.find((g) => g.node === search.node);
  const choose = (node: string | undefined) => void replace({ to: "/guard/enforce", search: (old) => ({ ...old, node }) });
  return (
    <Page title={t("guard.title")} about={t("guard.enforceAbout")}>
      <GuardTabs here="enforce" />
      <Result of={guards} what={t("guard.guardsFailed")} rows={6}>
        {({ rows, more }) => (
          <>
            <GuardTable
              rows={rows}
              more={more}
              search={table}
              onSearch={(next) =>
                void replace({
                  to: "/guard/enforce",
                  search: ({ q, sort, group, hide, only, ...old }) => ({ ...old, ...next }),
                })
              }
              open={(g) => choose(g.node)}
              empty={<NoGuard />}
            />
            {rows.length > 0 && <Chosen guards={rows} chosen={chosen} all={() => choose(undefined)} />}
          </>
        )}
      </Result>
      <ProfileRules />
    </Page>
  );
}

/** What enforcement would have refused: on the chosen node, or on all of them. */
function Chosen({ guards, chosen, all }: { guards: readonly Guard[]; chosen: Guard | undefined; all: () => void }) {
  const { t } = useTranslation();
  const observing = chosen === undefined ? guards.filter((g) => modeOf(g) === "observe") : [chosen];
  const title = chosen === undefined ? t("guard.wouldTitle") : t("guard.wouldTitleOf", { node: plain(chosen.nodeName) });
  return (
    <>
      {chosen !== undefined && <GuardOf of={chosen} all={all} />}
      <Preview
        title={title}
        outcome="would_refuse"
        node={chosen?.node}
        lead={(rules) => (
          <Text className={classes.lead}>
            {t("guard.wouldRules", { count: rules })} {t("guard.wouldDo")}
          </Text>
        )}
        empty={(calls) => (
          <Empty
            title={t(calls === 0 ? "guard.nothingSeen" : "guard.nothingWould")}
            how={calls === 0 ? t("guard.nothingSeenHow") : t("guard.nothingWouldHow", { count: calls })}
          >
            {calls > 0 && observing.some((g) => modeOf(g) === "observe") && <Switch mode="enforce" />}
            {chosen !== undefined && (
              <Button size="xs" variant="default" onClick={all}>
                {t("guard.allNodes")}
              </Button>
            )}
          </Empty>
        )}
      />
    </>
  );
}

function NoGuard() {
  const { t } = useTranslation();
  return (
    <Panel title={t("guard.guards")}>
      <Empty title={t("guard.noGuard")} how={t("guard.noGuardHow")}>
        <Switch mode="observe" />
        <ButtonLink to="/nodes/join">{t("guard.join")}</ButtonLink>
      </Empty>
    </Panel>
  );
}
