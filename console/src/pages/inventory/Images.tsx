import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { imageList } from "@/api/inventory";
import { PageLink } from "@/components/links";
import { Page } from "@/components/Page";
import { Result } from "@/components/Result";
import type { Image } from "@/gen/inventory_pb";
import { bytes } from "@/lib/bytes";
import { plain } from "@/lib/plain";
import { useReplace } from "@/lib/useReplace";
import { useTenant } from "@/shell/scope";
import type { Column } from "@/table/columns";
import { DataTable } from "@/table/DataTable";
import { moment } from "@/table/moment";
import { tableSearch } from "@/table/state";
import { GoneChoice, NodeLink, NothingYet, SignatureMark, shortId } from "./parts";
import { signatureOf, signatures } from "./risks";

const usageOf = (m: Image) => (m.gone !== undefined ? "gone" : m.used > 0 ? "used" : "unused");

/** The images of all nodes. */
export function Images() {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const replace = useReplace();
  const search = useSearch({ from: "/images" });
  const table = useMemo(() => tableSearch({ ...search }), [search]);
  const tenant = useTenant();
  const gone = search.gone === true;
  const all = useQuery(imageList(tenant, gone));
  const columns = useMemo(
    (): Column<Image>[] => [
      {
        id: "name",
        header: t("inventory.name"),
        value: (m) => plain(m.name),
        cell: (m) => (
          <PageLink to="/images/$node/$id" params={{ node: m.node, id: m.id }} title={plain(m.name)}>
            {plain(m.name)}
          </PageLink>
        ),
        few: true,
        min: 220,
        grow: 2.2,
      },
      {
        id: "id",
        header: t("inventory.imageId"),
        value: (m) => shortId(m.id),
        cell: (m) => <code>{shortId(m.id)}</code>,
        min: 125,
        grow: 0.8,
      },
      { id: "node", header: t("inventory.node"), value: (m) => m.nodeName, cell: (m) => <NodeLink of={m} />, few: true, min: 130 },
      {
        id: "use",
        header: t("inventory.use"),
        value: (m) => usageOf(m),
        cell: (m) => (usageOf(m) === "used" ? t("inventory.usedBy", { count: m.used }) : t(`inventory.useOf.${usageOf(m)}`)),
        word: (v) => t(`inventory.useOf.${v as "used"}`),
        order: ["used", "unused", "gone"],
        few: true,
        min: 130,
        grow: 0.9,
      },
      {
        id: "signature",
        header: t("inventory.signature"),
        value: (m) => signatureOf(m.signature),
        cell: (m) => <SignatureMark signature={m.signature} />,
        word: (v) => t(`inventory.signatures.${v as "verified"}`),
        order: signatures,
        few: true,
        min: 120,
        grow: 0.8,
      },
      {
        id: "size",
        header: t("inventory.size"),
        value: (m) => Number(m.size),
        cell: (m) => bytes(m.size, i18n.language),
        numeric: true,
        min: 85,
        grow: 0.5,
      },
      {
        id: "platform",
        header: t("inventory.platform"),
        value: (m) => plain(m.platform),
        few: true,
        hidden: true,
        min: 110,
        grow: 0.7,
      },
      {
        id: "packages",
        header: t("inventory.packages"),
        value: (m) => (m.packages > 0 ? m.packages : undefined),
        numeric: true,
        hidden: true,
        min: 90,
        grow: 0.5,
      },
      { id: "tags", header: t("inventory.tags"), value: (m) => plain(m.tags.join(", ")), hidden: true, min: 160, grow: 1.4 },
      { id: "tenant", header: t("nodes.tenant"), value: (m) => m.tenant, hidden: true, min: 100 },
      {
        id: "created",
        header: t("inventory.built"),
        ...moment((m: Image) => m.created),
        min: 115,
        grow: 0.7,
      },
      {
        id: "changed",
        header: t("inventory.changed"),
        ...moment((m: Image) => m.gone ?? m.changed),
        hidden: true,
        min: 110,
        grow: 0.7,
      },
    ],
    [t, i18n.language],
  );
  const title = t("inventory.images.title");
  return (
    <Page
      title={title}
      about={t("inventory.images.about")}
      actions={
        <GoneChoice gone={gone} set={(on) => void replace({ to: ".", search: (old) => ({ ...old, gone: on || undefined }) })} />
      }
    >
      <Result of={all} what={t("inventory.images.failed")} rows={10}>
        {(s) => (
          <DataTable
            id="images"
            label={title}
            rows={s.rows}
            more={s.more}
            coming={!s.whole}
            columns={columns}
            rowKey={(m) => `${m.node}/${m.id}`}
            open={(m) => void navigate({ to: "/images/$node/$id", params: { node: m.node, id: m.id } })}
            search={table}
            onSearch={(next) => void replace({ to: "/images", search: (old) => ({ tenant: old.tenant, gone: old.gone, ...next }) })}
            empty={<NothingYet title={title} none={t("inventory.images.none")} />}
          />
        )}
      </Result>
    </Page>
  );
}
