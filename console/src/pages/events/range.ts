/** How far back, as it stands in the address: a length, or two times in the browser's zone. */
export const ranges = ["1h", "24h", "7d", "custom"] as const;
export type Range = (typeof ranges)[number];

const hours: Record<string, number> = { "1h": 1, "24h": 24, "7d": 168 };

/** What the page is about, as it stands in the address. */
export interface EventView {
  kind?: string;
  severity?: string;
  node?: string;
  requirement?: string;
  range?: Range;
  from?: string;
  to?: string;
  /** Each event has a line of its own. */
  each?: true;
}

/** rangeOf is what is asked for now. A length is counted from the moment at which somebody chose it. */
export function rangeOf(s: Pick<EventView, "range" | "from" | "to">, now = Date.now()): { from?: string; to?: string } {
  if (s.range === "custom") return { from: s.from, to: s.to };
  const back = hours[s.range ?? ""];
  return back === undefined ? {} : { from: new Date(now - back * 3_600_000).toISOString() };
}

const text = (v: unknown, most: number): string | undefined =>
  typeof v === "string" && v !== "" ? v.slice(0, most) : typeof v === "number" ? String(v) : undefined;

/** eventSearch checks the parameters of the page's address. */
export function eventSearch(s: Record<string, unknown>): EventView {
  return {
    kind: text(s.kind, 40),
    severity: text(s.severity, 20),
    node: text(s.node, 64),
    requirement: text(s.requirement, 20),
    range: ranges.find((r) => r === s.range),
    from: text(s.from, 40),
    to: text(s.to, 40),
    each: s.each === true || s.each === "true" ? true : undefined,
  };
}
