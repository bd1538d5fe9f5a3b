import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { called, type StockType } from "@/api/inventory";
import { PageLink } from "@/components/links";
import type { AccessRequest } from "@/gen/policy_pb";
import { plain } from "@/lib/plain";

const pages = { Container: "/containers/$node/$id", Image: "/images/$node/$id", Network: "/networks/$node/$id" } as const;
const stockTypes = ["Container", "Image", "Network"] as const;

/** What a request is about: by the name that people know, with a way there, where the inventory has it; by its id otherwise. */
export function RequestObject({ of: r }: { of: Pick<AccessRequest, "resource" | "tenant"> }) {
  const { type, id = "" } = r.resource ?? {};
  const known = stockTypes.find((s) => s === type);
  const text = plain(`${type}::${id}`);
  return known === undefined || id === "" ? <code>{text}</code> : <Named type={known} tenant={r.tenant} id={id} text={text} />;
}

function Named({ type, tenant, id, text }: { type: StockType; tenant: string; id: string; text: string }) {
  const { t } = useTranslation();
  const places = useQuery(called(type, tenant, id)).data ?? [];
  const [one] = places;
  // What several nodes have is named by none of them: a node could lend a name that sounds harmless.
  if (one === undefined || places.length > 1)
    return (
      <>
        <code>{text}</code>
        {one !== undefined && ` ${t("access.onNodes")}`}
      </>
    );
  return (
    <>
      <code title={text}>{type}::</code>
      <PageLink to={pages[type]} params={{ node: one.node, id: one.id }} underline="always" title={text}>
        {plain(one.name)}
      </PageLink>{" "}
      {t("access.onNode", { node: plain(one.nodeName) })}
    </>
  );
}
