/** What a person made of a table: it stands in the address, so that a view can be shared. */
export interface TableState {
  /** Words that a row must have, anywhere. */
  q: string;
  sort: { id: string; desc: boolean }[];
  group: string;
  hidden: string[];
  /** Column to the values that are wanted. */
  only: Record<string, string[]>;
}

/** The same as parameters of the address. */
export interface TableSearch {
  q?: string;
  sort?: string;
  group?: string;
  hide?: string;
  only?: string;
}

const parameters = ["q", "sort", "group", "hide", "only"] as const;

export const noState: TableState = { q: "", sort: [], group: "", hidden: [], only: {} };

/** Most characters of words. */
export const mostWords = 300;
const escaped = (s: string) => s.replaceAll(/[\\,;:]/g, (c) => `\\${c}`);

function split(s: string, by: string): string[] {
  const out = [""];
  for (let i = 0; i < s.length; i++) {
    const c = s.charAt(i);
    const at = out.length - 1;
    if (c === "\\" && i + 1 < s.length) out[at] += c + s.charAt(++i);
    else if (c === by) out.push("");
    else out[at] += c;
  }
  return out;
}

const unescaped = (s: string) => s.replaceAll(/\\(.)/g, "$1");

/** searchOf leaves out what is as it always is. */
export function searchOf(s: TableState): TableSearch {
  const out: TableSearch = {};
  if (s.q !== "") out.q = s.q;
  if (s.sort.length > 0) out.sort = s.sort.map((o) => (o.desc ? "-" : "") + o.id).join(",");
  if (s.group !== "") out.group = s.group;
  if (s.hidden.length > 0) out.hide = s.hidden.join(",");
  const only = Object.entries(s.only).filter(([, values]) => values.length > 0);
  if (only.length > 0) out.only = only.map(([id, values]) => `${id}:${values.map(escaped).join(",")}`).join(";");
  return out;
}

/** stateOf reads an address, which anybody may have written: columns that are not there are left out. */
export function stateOf(search: TableSearch, columns: ReadonlySet<string>): TableState {
  const known = (id: string) => columns.has(id);
  const only: Record<string, string[]> = {};
  for (const part of split(search.only ?? "", ";")) {
    const at = part.indexOf(":");
    const id = part.slice(0, at);
    // Nothing after the colon is the one value that is empty: a column of which nothing is wanted is not in an address.
    if (at > 0 && known(id)) only[id] = split(part.slice(at + 1), ",").map(unescaped);
  }
  return {
    q: (search.q ?? "").slice(0, mostWords),
    sort: (search.sort ?? "")
      .split(",")
      .map((s) => ({ id: s.replace(/^-/, ""), desc: s.startsWith("-") }))
      .filter((o) => known(o.id)),
    group: known(search.group ?? "") ? (search.group ?? "") : "",
    hidden: (search.hide ?? "").split(",").filter(known),
    only,
  };
}

const text = (v: unknown): string | undefined => {
  if (typeof v === "string" && v !== "") return v.slice(0, 2000);
  return typeof v === "number" || typeof v === "boolean" ? String(v) : undefined;
};

/** tableSearch checks the parameters of a route that has a table. */
export function tableSearch(search: Record<string, unknown>): TableSearch {
  const out: TableSearch = {};
  for (const key of parameters) {
    const value = text(search[key]);
    if (value !== undefined) out[key] = value;
  }
  return out;
}

/** sameSearch is whether two addresses say the same of a table. */
export function sameSearch(a: TableSearch, b: TableSearch): boolean {
  return parameters.every((key) => a[key] === b[key]);
}

/** isEmpty is whether an address says nothing of a table; what else it says does not count. */
export function isEmpty(search: TableSearch): boolean {
  return parameters.every((key) => search[key] === undefined);
}

/** What has to be known of a column. */
interface Known {
  id: string;
  hidden?: boolean;
}

/** Nothing, on purpose, where there would be something else. */
const none = "-";
const usuallyHidden = (columns: readonly Known[]) => columns.filter((c) => c.hidden).map((c) => c.id);

/**
 * viewOf is the view that an address means: an initial one where it says nothing of the table. Columns that are hidden until somebody
 * chooses stay so while it says nothing of columns.
 */
export function viewOf(search: TableSearch, columns: readonly Known[], initial: TableSearch = {}): TableState {
  const state = stateOf(isEmpty(search) ? initial : search, new Set(columns.map((c) => c.id)));
  return search.hide === undefined ? { ...state, hidden: usuallyHidden(columns) } : state;
}

/** addressOf is what viewOf reads as the same view. */
export function addressOf(state: TableState, columns: readonly Known[], initial: TableSearch = {}): TableSearch {
  const found = searchOf(state);
  if ((found.hide ?? "") === usuallyHidden(columns).join(",")) delete found.hide;
  else found.hide ??= none;
  if (initial.group !== undefined) found.group ??= none;
  if (initial.sort !== undefined) found.sort ??= none;
  return found;
}
