import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { called, type StockType } from "@/api/inventory";
import { PageLink } from "@/components/links";
import type { AccessRequest } from "@/gen/policy_pb";
import { plain } from "@/lib/plain";

const pages = { Container: "/containers/$node/$id", Image: "/images/$node/$id", Network: "/networks/$node/$id" } as const;
const stockTypes = ["Container", "Image", "Network"] as const;

/** What a request is about: by the name that people know, with a way there, where the inventory has it; by its id otherwise. */
export function RequestObject({ of }: { of: AccessRequest["resource"] }) {
  const type = stockTypes.find((s) => s === of?.type);
  const text = plain(`${of?.type}::${of?.id}`);
  return type === undefined || !of?.id ? <code>{text}</code> : <Named type={type} id={of.id} text={text} />;
}

function Named({ type, id, text }: { type: StockType; id: string; text: string }) {
  const { t } = useTranslation();
  const [one, ...more] = useQuery(called(type, id)).data ?? [];
  if (one === undefined) return <code>{text}</code>;
  return (
    <>
      <code title={text}>{type}::</code>
      <PageLink to={pages[type]} params={{ node: one.node, id: one.id }} underline="always" title={text}>
        {plain(one.name)}
      </PageLink>{" "}
      {more.length > 0 ? t("access.onNodes") : t("access.onNode", { node: plain(one.nodeName) })}
    </>
  );
}
