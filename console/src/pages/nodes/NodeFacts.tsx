import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { node, nodeFacts } from "@/api/queries";
import { JsonTree } from "@/components/JsonTree";
import { PageLink } from "@/components/links";
import { Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import { at } from "@/lib/assessment";
import { useReplace } from "@/lib/useReplace";

/** What a node said of itself, opened at the fact that a check looked at. */
export function NodeFacts() {
  const { t } = useTranslation();
  const { id } = useParams({ from: "/nodes/$id/facts" });
  const { at: pointer = "" } = useSearch({ from: "/nodes/$id/facts" });
  const replace = useReplace();
  const facts = useQuery(nodeFacts(id));
  const one = useQuery(node(id));
  return (
    <Page
      title={t("nodes.factsOf", { name: one.data?.name ?? "…" })}
      about={
        <>
          <PageLink to="/nodes/$id" params={{ id }} underline="always">
            {one.data?.name ?? id}
          </PageLink>
          {" · "}
          {t("nodes.factsTaken")} <Time at={one.data?.factsTaken} full />
        </>
      }
    >
      <Result of={facts} what={t("nodes.factsFailed")} rows={10}>
        {(f) => (
          <>
            {pointer !== "" && at(f.snapshot, pointer) === undefined && <Text>{t("nodes.factGone", { pointer })}</Text>}
            <Panel title={t("nodes.snapshot")}>
              <JsonTree
                value={f.snapshot}
                open={pointer}
                onOpen={(p) => void replace({ to: ".", search: (old) => ({ ...old, at: p }) })}
              />
            </Panel>
          </>
        )}
      </Result>
    </Page>
  );
}
