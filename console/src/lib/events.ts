import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Event } from "@/gen/node_pb";

/** Kinds of events, as docs/alarms.md has them. */
export const kinds = [
  "status",
  "finding",
  "silent",
  "back",
  "stopped",
  "flapping",
  "steady",
  "joined",
  "join-refused",
  "revoked",
  "renewed",
  "changed",
  "clock",
  "reuse",
  "rollout",
  "bundle",
  "dropped",
] as const;
export type EventKind = (typeof kinds)[number];

const ranks = ["critical", "high", "medium", "low", "info"];

/** worstFirst puts what is most severe first; what is equally severe stays in its order. */
export function worstFirst(events: readonly Event[]): Event[] {
  const rank = (e: Event) => (ranks.includes(e.severity) ? ranks.indexOf(e.severity) : ranks.length);
  return [...events].sort((a, b) => rank(a) - rank(b));
}

export function kindOf(k: string): EventKind | undefined {
  return kinds.find((known) => known === k);
}

/** Equal events in one line: what happened, how often, and where. */
export interface EventLine {
  key: string;
  /** The newest of them. */
  last: Event;
  events: readonly Event[];
  nodes: number;
}

const keyOf = (e: Event) => JSON.stringify([e.kind, e.severity, e.requirement, e.before, e.after, e.text]);

/** grouped puts equal events, of whatever node, into a line; the line of the newest event comes first. */
export function grouped(events: readonly Event[]): EventLine[] {
  const lines = new Map<string, Event[]>();
  for (const e of events) {
    const key = keyOf(e);
    const line = lines.get(key);
    if (line === undefined) lines.set(key, [e]);
    else line.push(e);
  }
  return [...lines].flatMap(([key, own]) =>
    own[0] === undefined ? [] : [{ key, last: own[0], events: own, nodes: new Set(own.map((e) => e.node)).size }],
  );
}

/** single gives each event a line of its own. */
export function single(events: readonly Event[]): EventLine[] {
  return events.map((e) => ({ key: e.id, last: e, events: [e], nodes: 1 }));
}

export const momentOf = (e: Event): number => (e.time === undefined ? 0 : timestampDate(e.time).getTime());

function newestFirst(a: Event, b: Event): number {
  const by = Number((b.time?.seconds ?? 0n) - (a.time?.seconds ?? 0n)) || (b.time?.nanos ?? 0) - (a.time?.nanos ?? 0);
  return by || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

/** merged has each event once, the newest first, and no more than that many. */
export function merged(have: readonly Event[], fresh: readonly Event[], most: number): { events: Event[]; cut: boolean } {
  const known = new Set(have.map((e) => e.id));
  const events = [...have, ...fresh.filter((e) => !known.has(e.id) && known.add(e.id))].sort(newestFirst);
  return { events: events.slice(0, most), cut: events.length > most };
}
