import type { Tone } from "@/components/StatusBadge";

/** How far containers in a network reach, what needs a look first. */
export const reaches = ["host", "clear", "open", "encrypted", "closed", "internal", "none", "other", "gone"] as const;
export type Reach = (typeof reaches)[number];

interface Network {
  driver: string;
  internal: boolean;
  encrypted: boolean;
  talk: string;
  gone?: object;
}

/** reachOf says the one thing that matters most of a network. */
export function reachOf(n: Network): Reach {
  if (n.gone !== undefined) return "gone";
  if (n.driver === "host") return "host";
  if (n.driver === "null") return "none";
  if (n.driver === "overlay") return n.encrypted ? "encrypted" : "clear";
  if (n.internal) return "internal";
  if (n.talk === "yes") return "open";
  return n.talk === "no" ? "closed" : "other";
}

export const toneOfReach: Record<Reach, Tone> = {
  host: "bad",
  clear: "part",
  open: "part",
  encrypted: "good",
  closed: "good",
  internal: "good",
  none: "off",
  other: "unknown",
  gone: "off",
};
