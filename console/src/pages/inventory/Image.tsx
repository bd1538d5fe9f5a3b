import { Stack, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { image, imageElsewhere } from "@/api/inventory";
import { CallsButton } from "@/components/CallsButton";
import { LongTable } from "@/components/LongTable";
import { PageLink } from "@/components/links";
import { Facts, Page, Panel } from "@/components/Page";
import { Result } from "@/components/Result";
import { Time } from "@/components/Time";
import type { Image, ImageDetails } from "@/gen/inventory_pb";
import { bytes } from "@/lib/bytes";
import { plain } from "@/lib/plain";
import layout from "../requirements/Requirement.module.css";
import classes from "./Inventory.module.css";
import { ContainerTable, FactPanel, FindingsAbout, History, Lines, Many, NodeLink, SignatureMark } from "./parts";

/** One image of a node: what it is, what uses it, where else it is, what is wrong with it. */
export function ImagePage() {
  const { t } = useTranslation();
  const { node, id } = useParams({ from: "/images/$node/$id" });
  const one = useQuery(image(node, id));
  return (
    <Result of={one} what={t("inventory.images.oneFailed")} rows={8} page>
      {(d) => d.image !== undefined && <One m={d.image} d={d} />}
    </Result>
  );
}

function One({ m, d }: { m: Image; d: ImageDetails }) {
  const { t } = useTranslation();
  return (
    <Page
      title={plain(m.name)}
      badge={<SignatureMark signature={m.signature} />}
      actions={<CallsButton of={{ type: "Image", object: m.id }}>{t("inventory.calls")}</CallsButton>}
      about={
        <>
          {t("inventory.images.on")} <NodeLink of={m} underline />
          {m.gone !== undefined && ` · ${t("inventory.state.gone")}`}
        </>
      }
    >
      <div className={layout.columns}>
        <Stack gap="md" miw={0}>
          <ContainerTable title={t("inventory.usedHere")} of={d.containers} none={t("inventory.usedByNone")} column="ports" />
          <FindingsAbout node={m.node} subject={m.name} />
          <Elsewhere m={m} />
          <FactPanel fact={d.fact} received={d.received} gone={m.gone !== undefined} />
        </Stack>
        <Stack gap="md" miw={0}>
          <Identity m={m} />
          <History of={m} />
        </Stack>
      </div>
    </Page>
  );
}

function Identity({ m }: { m: Image }) {
  const { t, i18n } = useTranslation();
  return (
    <Panel title={t("inventory.identity")}>
      <Facts
        of={[
          [t("inventory.tags"), <Lines key="t" of={m.tags} />],
          [t("inventory.digest"), <Lines key="d" of={m.digests} />],
          [t("inventory.id"), <code key="i">{plain(m.id)}</code>],
          [t("inventory.size"), bytes(m.size, i18n.language)],
          [t("inventory.platform"), plain(m.platform) || t("table.none")],
          [t("inventory.signature"), <SignatureMark key="s" signature={m.signature} />],
          ...(m.signer === "" ? [] : [[t("inventory.signer"), plain(m.signer)] as [string, string]]),
          [t("inventory.packages"), m.packages > 0 ? m.packages.toLocaleString(i18n.language) : t("inventory.packagesUnknown")],
        ]}
      />
    </Panel>
  );
}

/** The very same image on other nodes. */
function Elsewhere({ m }: { m: Image }) {
  const { t } = useTranslation();
  const others = useQuery(imageElsewhere(m.tenant, m.id));
  const there = useMemo(() => others.data?.rows.filter((o) => o.node !== m.node) ?? [], [others.data, m.node]);
  return (
    <Panel
      title={t("inventory.images.elsewhere")}
      flush
      aside={there.length > 0 && <Many text={t("inventory.nodeCount", { count: there.length })} more={others.data?.more} />}
    >
      <Result of={others} what={t("inventory.elsewhereFailed")}>
        {() => {
          if (there.length === 0)
            return (
              <Text p="md" c="dimmed">
                {t("inventory.images.nowhere")}
              </Text>
            );
          return (
            <LongTable
              label={t("inventory.images.elsewhere")}
              head={[t("inventory.node"), t("inventory.name"), { name: t("inventory.firstSeen"), w: 130 }]}
              rows={there}
              rowKey={(o) => o.node}
            >
              {(o) => (
                <>
                  <Table.Td className={classes.wrap}>
                    <NodeLink of={o} />
                  </Table.Td>
                  <Table.Td className={classes.wrap}>
                    <PageLink to="/images/$node/$id" params={{ node: o.node, id: o.id }}>
                      {plain(o.name)}
                    </PageLink>
                  </Table.Td>
                  <Table.Td>
                    <Time at={o.firstSeen} />
                  </Table.Td>
                </>
              )}
            </LongTable>
          );
        }}
      </Result>
    </Panel>
  );
}
