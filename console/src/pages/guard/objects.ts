import type { GuardCall } from "@/gen/guard_pb";

/** Kinds of things that an engine has, by their types in policies. */
const engineTypes = new Set(["Host", "Container", "Image", "Network", "Volume", "Service", "Secret", "Config", "Swarm", "Plugin"]);

export const isOfEngine = (type: string | undefined): boolean => engineTypes.has(type ?? "");

const inventoried = [
  ["Container", "/containers/$node/$id"],
  ["Image", "/images/$node/$id"],
  ["Network", "/networks/$node/$id"],
] as const;
const identity = /^(sha256:)?[0-9a-f]{64}$/;
const networkIdentity = /^[0-9a-z]{25}$/; // of a Swarm's network

/** Where the inventory has the object of a call; undefined for what it does not have, such as what was to be made. */
export function pageOf(
  c: Pick<GuardCall, "node" | "resource">,
): { to: (typeof inventoried)[number][1]; params: { node: string; id: string } } | undefined {
  const { type = "", id = "" } = c.resource ?? {};
  const to = inventoried.find(([t]) => t === type)?.[1];
  if (to === undefined || c.node === "" || !(identity.test(id) || (type === "Network" && networkIdentity.test(id))))
    return undefined;
  return { to, params: { node: c.node, id } };
}

/** An object as people know it: the name in the call, or as much of its id as tells it apart. */
export function objectName(c: Pick<GuardCall, "name" | "nodeName" | "resource">): string {
  if (c.name !== "") return c.name;
  if (c.resource?.type === "Host" && c.nodeName !== "") return c.nodeName;
  const id = c.resource?.id ?? "";
  if (identity.test(id)) return id.replace(/^sha256:/, "").slice(0, 12);
  return id.slice(id.lastIndexOf("/") + 1) || id;
}
