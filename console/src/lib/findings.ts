import { quoted } from "@/api/lists";
import type { Finding } from "@/gen/fleet_pb";

/** The views of findings that stand in the address; without one it is all that are not over. */
export const views = ["new", "mine", "all"] as const;
export type View = (typeof views)[number];

/** viewFilter is what a view asks of the server. */
export function viewFilter(view: View | undefined, me: string): string {
  if (view === "new") return 'over = false AND state = "open" AND excepted = false';
  if (view === "mine") return `over = false AND owner = ${quoted(me)}`;
  return view === "all" ? "" : "over = false";
}

export const states = ["open", "acknowledged", "in_progress", "false_positive"] as const;
export type State = (typeof states)[number];

export function stateOf(s: string): State {
  return states.find((known) => known === s) ?? "open";
}

/** A finding is named by its node and its id there. */
export const keyOf = (f: Finding): string => `${f.node}/${f.id}`;
