import { Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { network, networkElsewhere } from "@/api/inventory";
import { CallsButton } from "@/components/CallsButton";
import { LongTable } from "@/components/LongTable";
import { PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { ToneIcon } from "@/components/StatusBadge";
import type { Network, NetworkDetails } from "@/gen/inventory_pb";
import { plain } from "@/lib/plain";
import layout from "../requirements/Requirement.module.css";
import classes from "./Inventory.module.css";
import { ReachMark } from "./Networks";
import { ContainerTable, FactPanel, FindingsAbout, History, Lines, Many, NodeLink } from "./parts";
import { reachOf, toneOfReach } from "./reach";

/** One network of a node: how far it reaches, what is in it, what is wrong with it, where else it is. */
export function NetworkPage() {
  const { t } = useTranslation();
  const { node, id } = useParams({ from: "/networks/$node/$id" });
  const one = useQuery(network(node, id));
  return (
    <Result of={one} what={t("inventory.nets.oneFailed")} rows={8} page>
      {(d) => d.network !== undefined && <One n={d.network} d={d} />}
    </Result>
  );
}

function One({ n, d }: { n: Network; d: NetworkDetails }) {
  const { t } = useTranslation();
  return (
    <Page
      title={plain(n.name)}
      badge={<ReachMark n={n} />}
      actions={<CallsButton of={{ type: "Network", object: n.id }}>{t("inventory.calls")}</CallsButton>}
      about={
        <>
          {t("inventory.nets.on")} <NodeLink of={n} underline />
        </>
      }
    >
      <div className={layout.columns}>
        <Stack gap="md" miw={0}>
          <Panel title={t("inventory.nets.means")}>
            <ul className={classes.means}>
              <li>
                <ToneIcon tone={toneOfReach[reachOf(n)]} />
                <span>{t(`inventory.reachMeans.${reachOf(n)}`)}</span>
              </li>
            </ul>
          </Panel>
          <ContainerTable
            title={t("inventory.nets.members")}
            of={d.containers}
            none={t("inventory.nets.empty")}
            column="addresses"
          />
          <FindingsAbout node={n.node} subject={n.name} />
          <Elsewhere n={n} />
          <FactPanel fact={d.fact} received={d.received} gone={n.gone !== undefined} />
        </Stack>
        <Stack gap="md" miw={0}>
          <Identity n={n} />
          <History of={n} />
        </Stack>
      </div>
    </Page>
  );
}

function Identity({ n }: { n: Network }) {
  const { t } = useTranslation();
  const yes = (is: boolean) => t(is ? "inventory.yes" : "inventory.no");
  return (
    <Panel title={t("inventory.identity")}>
      <Facts
        of={[
          [t("inventory.driver"), plain(n.driver) || t("table.none")],
          [t("inventory.scope"), plain(n.scope) || t("table.none")],
          [t("inventory.subnets"), <Lines key="s" of={n.subnets} />],
          [t("inventory.bridge"), plain(n.bridge) || t("table.none")],
          [t("inventory.nets.internal"), yes(n.internal)],
          [t("inventory.nets.ipv6"), yes(n.ipv6)],
          [t("inventory.nets.attachable"), yes(n.attachable)],
          [t("inventory.id"), <code key="i">{plain(n.id)}</code>],
        ]}
      />
    </Panel>
  );
}

/** Networks of the same name on other nodes: an overlay is one network there, others have only the name in common. */
function Elsewhere({ n }: { n: Network }) {
  const { t } = useTranslation();
  const others = useQuery(networkElsewhere(n.tenant, n.name));
  const there = useMemo(() => others.data?.rows.filter((o) => o.node !== n.node) ?? [], [others.data, n.node]);
  return (
    <Panel
      title={t("inventory.nets.elsewhere")}
      flush
      aside={there.length > 0 && <Many text={t("inventory.nodeCount", { count: there.length })} more={others.data?.more} />}
    >
      <Result of={others} what={t("inventory.elsewhereFailed")}>
        {() => {
          if (there.length === 0)
            return (
              <Text p="md" c="dimmed">
                {t("inventory.nets.nowhere")}
              </Text>
            );
          return (
            <LongTable
              label={t("inventory.nets.elsewhere")}
              head={[t("inventory.node"), t("inventory.nets.which"), t("inventory.subnets")]}
              rows={there}
              rowKey={(o) => o.node}
            >
              {(o) => (
                <>
                  <Table.Td className={classes.wrap}>
                    <PageLink to="/networks/$node/$id" params={{ node: o.node, id: o.id }}>
                      {o.nodeName}
                    </PageLink>
                  </Table.Td>
                  <Table.Td>{t(o.id === n.id ? "inventory.nets.same" : "inventory.nets.other")}</Table.Td>
                  <Table.Td className={classes.wrap}>{plain(o.subnets.join(", "))}</Table.Td>
                </>
              )}
            </LongTable>
          );
        }}
      </Result>
    </Panel>
  );
}
