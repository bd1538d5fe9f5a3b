/** A list that was read to its end, or to what a browser can hold. */
export interface All<T> {
  rows: T[];
  /** There is more than was read: a filter finds the rest. */
  more: boolean;
}

interface PageRequest {
  size: number;
  token: string;
  filter: string;
}

/** Most rows that a table has. */
export const mostRows = 50_000;
const pageSize = 1000;

/** all reads a list page by page. */
export async function all<T>(
  list: (page: PageRequest) => Promise<{ items: T[]; nextPage: string }>,
  filter = "",
  most = mostRows,
): Promise<All<T>> {
  const rows: T[] = [];
  let token = "";
  do {
    const page = await list({ size: Math.min(pageSize, most - rows.length), token, filter });
    rows.push(...page.items);
    token = page.nextPage;
  } while (token !== "" && rows.length < most);
  return { rows, more: token !== "" };
}

/** quoted puts a value into a filter (AIP-160). */
export function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** is asks for one value of a field; undefined asks for nothing. */
export const is = (field: string, value: string | undefined): string | undefined =>
  value === undefined ? undefined : `${field} = ${quoted(value)}`;

/** where joins conditions; undefined ones are left out. */
export function where(...conditions: (string | undefined)[]): string {
  return conditions.filter((c) => c !== undefined && c !== "").join(" AND ");
}
