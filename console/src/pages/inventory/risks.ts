import type { Tone } from "@/components/StatusBadge";

/** What makes a container more dangerous than others, the worst first, as the server orders them. */
export const risks = [
  "privileged",
  "engine_socket",
  "host_pid",
  "host_network",
  "host_ipc",
  "devices",
  "capabilities",
  "unconfined",
  "host_paths",
  "root",
] as const;
export type Risk = (typeof risks)[number];

export const isRisk = (s: string): s is Risk => (risks as readonly string[]).includes(s);

const bad = new Set<Risk>(["privileged", "engine_socket", "host_pid"]);

export const toneOfRisk = (r: Risk): Tone => (bad.has(r) ? "bad" : r === "root" ? "off" : "part");

export const states = ["running", "paused", "restarting", "created", "exited", "dead", "removing", "gone"] as const;
export type State = (typeof states)[number] | "other";

/** The state of a container, and whether it went. */
export function stateOf(c: { state: string; gone?: object }): State {
  if (c.gone !== undefined) return "gone";
  return states.find((s) => s === c.state) ?? "other";
}

export const toneOfState: Record<State, Tone> = {
  running: "good",
  paused: "part",
  restarting: "bad",
  created: "off",
  exited: "off",
  dead: "bad",
  removing: "off",
  gone: "off",
  other: "unknown",
};

export const signatures = ["invalid", "unsigned", "unknown", "verified"] as const;
export type Signature = (typeof signatures)[number];

export const signatureOf = (s: string): Signature => signatures.find((known) => known === s) ?? "unknown";

export const toneOfSignature: Record<Signature, Tone> = { invalid: "bad", unsigned: "part", unknown: "unknown", verified: "good" };
