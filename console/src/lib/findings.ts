import { quoted } from "@/api/lists";
import type { Finding } from "@/gen/fleet_pb";
import type { Event } from "@/gen/node_pb";
import { noState, searchOf, type TableSearch } from "@/table/state";

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

/**
 * findingsOf is the view of the findings that an event tells of: those of its check on its node, or on all nodes. The event has no id of
 * its own finding, which may be over by now. Undefined where there is none: the server itself tells of what is wrong with a log or a recording.
 */
export function findingsOf(e: Event, everyNode = false): (TableSearch & { view: View }) | undefined {
  if (e.kind !== "finding" || e.after === "" || e.before !== "") return undefined;
  const only: Record<string, string[]> = { kind: [e.after] };
  if (!everyNode) only.node = [e.nodeName];
  return { ...searchOf({ ...noState, only }), view: "all" };
}
