import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { queryOptions } from "@tanstack/react-query";
import { InventoryService } from "@/gen/inventory_pb";
import { findings } from "./clients";
import { all, mostRows, quoted, where } from "./lists";
import { clientOf } from "./transport";

const inventory = clientOf(InventoryService);

/** What a container, an image and a network have in common. */
export interface Item {
  id: string;
  node: string;
  gone?: Timestamp;
}

/** A list that is shown while it is read, and afterwards brought up to date by what changed. */
export interface Stock<T> {
  rows: readonly T[];
  more: boolean;
  /** All of it was read. */
  whole: boolean;
  /** When its reading began, by the server's clock, and by the browser's. */
  readAt: Date | undefined;
  began: number;
}

interface Part<T> {
  items: T[];
  nextPage: string;
  readAt?: Timestamp;
}
export type List<T> = (page: { size: number; token: string; filter: string }) => Promise<Part<T>>;

const firstPage = 200; // a screen full comes at once
const otherPages = 5000;
const again = 10 * 60_000; // what was deleted is in no list of changes
const overlap = 60_000; // what was written while it was read

/** read reads all of a list and shows each part as it comes, unless something is shown already. */
export async function read<T>(
  list: List<T>,
  filter: string,
  show: ((s: Stock<T>) => void) | undefined,
  most = mostRows,
): Promise<Stock<T>> {
  const began = Date.now();
  let rows: readonly T[] = [];
  let token = "";
  let readAt: Date | undefined;
  for (;;) {
    const size = Math.min(rows.length === 0 ? firstPage : otherPages, most - rows.length);
    const part = await list({ size, token, filter });
    if (readAt === undefined && part.readAt !== undefined) readAt = timestampDate(part.readAt);
    rows = rows.length === 0 ? part.items : rows.concat(part.items);
    token = part.nextPage;
    const whole = token === "" || rows.length >= most;
    const stock = { rows, more: token !== "", whole, readAt, began };
    if (whole) return stock;
    show?.(stock);
  }
}

/** update brings what was read up to date. Rows stay where they are; new ones come last. */
export async function update<T extends Item>(before: Stock<T>, list: List<T>, gone: boolean): Promise<Stock<T>> {
  if (before.readAt === undefined) return before;
  const since = new Date(before.readAt.getTime() - overlap);
  const news = await read(list, `updated >= ${quoted(since.toISOString())}`, undefined);
  const next = { ...before, readAt: news.readAt ?? before.readAt };
  if (news.rows.length === 0) return next;
  const changed = new Map(news.rows.map((r) => [`${r.node}/${r.id}`, r]));
  const rows: T[] = [];
  for (const old of before.rows) {
    const key = `${old.node}/${old.id}`;
    const row = changed.get(key);
    if (row === undefined) rows.push(old);
    else if (gone || row.gone === undefined) rows.push(row);
    changed.delete(key);
  }
  for (const row of changed.values()) if (gone || row.gone === undefined) rows.push(row);
  return { ...next, rows };
}

type Mask = MessageInitShape<typeof FieldMaskSchema>;
const mask = (...paths: string[]): Mask => ({ paths });
const shared = ["id", "tenant", "node", "node_name", "name", "changed", "gone"];

function stock<T extends Item>(kind: string, tenant: string, gone: boolean, list: List<T>) {
  return queryOptions({
    queryKey: ["Inventory", kind, tenant, gone],
    queryFn: async ({ client, queryKey }): Promise<Stock<T>> => {
      const before = client.getQueryData<Stock<T>>(queryKey);
      if (before?.whole && Date.now() - before.began < again) return update(before, list, gone);
      const show = before?.whole ? undefined : (s: Stock<T>) => client.setQueryData(queryKey, s);
      return read(list, gone ? "" : "gone = false", show);
    },
    structuralSharing: false, // many thousand rows are not compared one by one
    placeholderData: undefined,
  });
}

const containerFields = mask(
  ...shared,
  "created",
  "state",
  "health",
  "image",
  "orchestrator",
  "user",
  "risks",
  "networks",
  "addresses",
  "ports",
  "restarts",
);
const imageFields = mask(...shared, "created", "tags", "size", "platform", "signature", "packages", "used", "dangling");
const networkFields = mask(...shared, "driver", "scope", "subnets", "internal", "encrypted", "attachable", "ipv6", "talk", "used");

export const containerList = (tenant: string, gone: boolean) =>
  stock("containers", tenant, gone, async (page) => {
    const {
      containers: items,
      nextPage,
      readAt,
    } = await inventory.listContainers({ tenant, page: { ...page, readMask: containerFields } });
    return { items, nextPage, readAt };
  });

export const imageList = (tenant: string, gone: boolean) =>
  stock("images", tenant, gone, async (page) => {
    const { images: items, nextPage, readAt } = await inventory.listImages({ tenant, page: { ...page, readMask: imageFields } });
    return { items, nextPage, readAt };
  });

export const networkList = (tenant: string, gone: boolean) =>
  stock("networks", tenant, gone, async (page) => {
    const {
      networks: items,
      nextPage,
      readAt,
    } = await inventory.listNetworks({ tenant, page: { ...page, readMask: networkFields } });
    return { items, nextPage, readAt };
  });

export const container = (node: string, id: string) =>
  queryOptions({ queryKey: ["Inventory", "container", node, id], queryFn: () => inventory.getContainer({ node, id }) });

export const image = (node: string, id: string) =>
  queryOptions({ queryKey: ["Inventory", "image", node, id], queryFn: () => inventory.getImage({ node, id }) });

export const network = (node: string, id: string) =>
  queryOptions({ queryKey: ["Inventory", "network", node, id], queryFn: () => inventory.getNetwork({ node, id }) });

/** The same image on other nodes of the tenant. */
export const imageElsewhere = (tenant: string, id: string) =>
  queryOptions({
    queryKey: ["Inventory", "image elsewhere", tenant, id],
    queryFn: () =>
      all(
        async (page) => {
          const { images: items, nextPage } = await inventory.listImages({ tenant, page });
          return { items, nextPage };
        },
        where(`id = ${quoted(id)}`, "gone = false"),
        1000,
      ),
  });

/** Networks of the same name on other nodes of the tenant. */
export const networkElsewhere = (tenant: string, name: string) =>
  queryOptions({
    queryKey: ["Inventory", "network elsewhere", tenant, name],
    queryFn: () =>
      all(
        async (page) => {
          const { networks: items, nextPage } = await inventory.listNetworks({ tenant, page });
          return { items, nextPage };
        },
        where(`name = ${quoted(name)}`, "gone = false"),
        1000,
      ),
  });

/** What is and was wrong with a thing of a node. */
export const findingsAbout = (node: string, subject: string) =>
  queryOptions({
    queryKey: ["Finding", "about", node, subject],
    queryFn: () =>
      all(
        async (page) => {
          const { findings: items, nextPage } = await findings.listFindings({ page });
          return { items, nextPage };
        },
        where(`node = ${quoted(node)}`, `subject = ${quoted(subject)}`),
        500,
      ),
    enabled: subject !== "",
  });

/** The kinds of things that the inventory has, as policies call them. */
export type StockType = "Container" | "Image" | "Network";

/** Where a tenant has a thing of this id, and how it is called there: two places are as good as many. */
export const called = (type: StockType, tenant: string, id: string) =>
  queryOptions({
    queryKey: ["Inventory", "called", type, tenant, id],
    queryFn: async () => {
      const filter = where(`id = ${quoted(id)}`, "gone = false");
      const request = { tenant, page: { size: 2, filter, readMask: mask("id", "node", "node_name", "name") } };
      if (type === "Container") return (await inventory.listContainers(request)).containers;
      return type === "Image" ? (await inventory.listImages(request)).images : (await inventory.listNetworks(request)).networks;
    },
  });
