import { SegmentedControl, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { policySet } from "@/api/policies";
import { Empty } from "@/components/Empty";
import { ButtonLink, PageLink } from "@/components/links";
import { Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { SmallTable } from "@/components/SmallTable";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { PolicyLink } from "../policies/parts";
import { usePolicyTenant } from "../policies/tenant";
import classes from "./guard.module.css";
import { type Profile, profiles, rulesOfProfiles } from "./rules";

const choices = [...profiles, "own"] as const;
export const profileOf = (v: unknown): Profile | undefined => choices.find((p) => p === v);

/** The rules of the profiles, read from the policies themselves: why each refuses, and what would pass. */
export function ProfileRules() {
  const { t } = useTranslation();
  const replace = useReplace();
  const chosen = useSearch({ from: "/guard/enforce" }).profile ?? "baseline";
  const set = useQuery(policySet(usePolicyTenant()));
  const rules = useMemo(() => (set.data === undefined ? undefined : rulesOfProfiles(set.data)), [set.data]);
  return (
    <Panel
      title={t("guard.rules")}
      flush
      aside={
        <SegmentedControl
          size="xs"
          aria-label={t("guard.profile")}
          value={chosen}
          onChange={(v) =>
            void replace({
              to: "/guard/enforce",
              search: (old) => ({ ...old, profile: v === "baseline" ? undefined : profileOf(v) }),
            })
          }
          data={choices.map((p) => ({
            value: p,
            label: `${p === "own" ? t("guard.own") : p}${rules === undefined ? "" : ` · ${rules[p].length}`}`,
          }))}
        />
      }
    >
      <Text className={classes.lead} c="dimmed">
        {t(`guard.profileAbout.${chosen}`)}
      </Text>
      <Result of={set} what={t("guard.rulesFailed")} rows={8}>
        {() =>
          (rules?.[chosen] ?? []).length === 0 ? (
            <Empty title={t("guard.noOwn")} how={t("guard.noOwnHow")}>
              <ButtonLink to="/policies/edit" variant="default" size="xs">
                {t("guard.write")}
              </ButtonLink>
            </Empty>
          ) : (
            <SmallTable
              label={t("guard.rules")}
              miw={640}
              head={[
                { name: t("guard.rule"), w: 240 },
                t("guard.because"),
                t("guard.passes"),
                { name: t("guard.requirement"), w: 110 },
              ]}
            >
              {rules?.[chosen].map((r) => (
                <Table.Tr key={r.id}>
                  <Table.Td className={classes.wrap}>
                    <PolicyLink id={r.id} />
                  </Table.Td>
                  <Table.Td className={classes.wrap}>{plain(r.reason) || "–"}</Table.Td>
                  <Table.Td className={classes.wrap}>{plain(r.remedy) || "–"}</Table.Td>
                  <Table.Td>
                    {r.requirement !== "" && (
                      <PageLink to="/requirements/$id" params={{ id: r.requirement }}>
                        {plain(r.requirement)}
                      </PageLink>
                    )}
                  </Table.Td>
                </Table.Tr>
              ))}
            </SmallTable>
          )
        }
      </Result>
    </Panel>
  );
}
