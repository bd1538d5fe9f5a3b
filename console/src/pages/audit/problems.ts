/** What can be wrong with a log: docs/audit.md says what each means. */
export type ProblemKind =
  | "forked"
  | "rolledBack"
  | "truncated"
  | "noProof"
  | "entryChanged"
  | "tileChanged"
  | "checkpoint"
  | "other";

const names: [start: string, kind: ProblemKind][] = [
  ["forked", "forked"],
  ["rolled back", "rolledBack"],
  ["truncated", "truncated"],
  ["no proof", "noProof"],
  ["entry changed", "entryChanged"],
  ["tile changed", "tileChanged"],
  ["checkpoint", "checkpoint"],
];

/** kindOf is what the server's words begin with. */
export function kindOf(problem: string): ProblemKind {
  return names.find(([start]) => problem.startsWith(start))?.[1] ?? "other";
}

const ofNodes = "bulkhead/node/";

/** nodeOf is the node that a log is of; undefined for a replica's. */
export function nodeOf(origin: string): string | undefined {
  return origin.startsWith(ofNodes) ? origin.slice(ofNodes.length) : undefined;
}
