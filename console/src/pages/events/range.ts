import { paramOf } from "@/lib/address";
import { before } from "@/lib/ages";
import { timeOf } from "@/lib/time";

/** How far back, as it stands in the address: a length, or two times. */
export const ranges = ["1h", "24h", "7d", "custom"] as const;
export type Range = (typeof ranges)[number];

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
  return s.range === undefined ? {} : { from: before(s.range, now).toISOString() };
}

/** eventSearch checks the parameters of the page's address. */
export function eventSearch(s: Record<string, unknown>): EventView {
  return {
    kind: paramOf(s.kind, 40),
    severity: paramOf(s.severity, 20),
    node: paramOf(s.node, 64),
    requirement: paramOf(s.requirement, 20),
    range: ranges.find((r) => r === s.range),
    from: timeOf(paramOf(s.from, 40))?.toISOString(),
    to: timeOf(paramOf(s.to, 40))?.toISOString(),
    each: s.each === true || s.each === "true" ? true : undefined,
  };
}
