import type { RecordProof } from "@/gen/audit_pb";
import { differences } from "./agree";
import { equal, hex } from "./bytes";
import { continues, leafHash, rootOf } from "./merkle";
import { type Checkpoint, fingerprint, parseCheckpoint, parseKey, signedBy } from "./note";

/** What this browser keeps of a log: the first key that it saw, and the largest checkpoint that it verified. */
export interface Kept {
  key: string;
  /** When the key was seen first (RFC 3339). */
  since: string;
  /** Signed note; "" before anything was verified. */
  note: string;
}

export const stepIds = ["asked", "shown", "leaf", "key", "signature", "place", "inclusion", "continues"] as const;
export type StepId = (typeof stepIds)[number];

/** Whether a step holds; "new" is what this browser sees for the first time and can't compare, "none" what there is nothing for. */
export type StepState = "good" | "bad" | "new" | "none";

export interface Step {
  id: StepId;
  state: StepState;
  /** What was computed and compared. */
  values: { name: "said" | "computed" | "fingerprint" | "size" | "since" | "fields" | "kept"; value: string }[];
}

export interface Verdict {
  /** "unproved" is an answer without a proof, or without a key to check it with: nothing is wrong and nothing is shown. */
  result: "good" | "bad" | "unproved";
  steps: Step[];
  checkpoint?: Checkpoint;
  /** What this browser keeps from now on, where all holds. */
  keep?: Kept;
}

type Values = Step["values"];

/** verifyRecord checks an answer of the server against nothing but itself, the log's key, and what this browser keeps of the log. */
export async function verifyRecord(
  id: string,
  answer: RecordProof,
  serverKey: string | undefined,
  kept: Kept | undefined,
  now = new Date(),
): Promise<Verdict> {
  const steps: Step[] = [];
  const add = (step: StepId, state: StepState, values: Values = []) => steps.push({ id: step, state, values }) && state !== "bad";
  const end = (checkpoint?: Checkpoint): Verdict => {
    const bad = steps.some((s) => s.state === "bad");
    const proved = steps.some((s) => s.id === "inclusion" && s.state === "good");
    return { result: bad ? "bad" : proved ? "good" : "unproved", steps, checkpoint };
  };

  const r = answer.record;
  const name = r === undefined ? "" : `${r.origin}/${r.index}`;
  add("asked", name === id ? "good" : "bad", [{ name: "said", value: name }]);
  if (r === undefined) return end();
  const differ = differences(r, answer.entry);
  add("shown", differ.length === 0 ? "good" : "bad", differ.length === 0 ? [] : [{ name: "fields", value: differ.join(", ") }]);
  const leaf = await leafHash(answer.entry);
  add("leaf", "good", [{ name: "computed", value: hex(leaf) }]);
  if (answer.checkpoint === "" && answer.path.length === 0) {
    add("inclusion", "none");
    return end();
  }

  const vkey = kept?.key ?? serverKey ?? "";
  const key = await parseKey(vkey);
  if (vkey === "") {
    add("key", "none");
    return end();
  }
  // The key that is kept decides; what the server says of itself now has to be the same.
  const sameKey = key !== undefined && key.name === r.origin && (serverKey === undefined || serverKey === vkey);
  const print = key === undefined ? "" : await fingerprint(key);
  const seen: Values = kept === undefined ? [] : [{ name: "since", value: kept.since }];
  add("key", sameKey ? (kept === undefined ? "new" : "good") : "bad", [{ name: "fingerprint", value: print }, ...seen]);
  if (key === undefined) return end();

  const holds = await signedBy(answer.checkpoint, key);
  const c = parseCheckpoint(answer.checkpoint);
  add("signature", holds && c !== undefined ? "good" : "bad");
  if (c === undefined) return end();
  const inside = c.origin === r.origin && c.origin === key.name && r.index < c.size;
  add("place", inside ? "good" : "bad", [{ name: "size", value: String(c.size) }]);
  const root = await rootOf(leaf, r.index, c.size, answer.path);
  add("inclusion", root !== undefined && equal(root, c.root) ? "good" : "bad", [
    { name: "computed", value: root === undefined ? "–" : hex(root) },
    { name: "said", value: hex(c.root) },
  ]);
  await addContinues(steps, answer, c, kept);
  const verdict = end(c);
  if (verdict.result === "good") {
    const since = kept?.since ?? now.toISOString();
    verdict.keep = { key: vkey, since, note: answer.checkpoint };
  }
  return verdict;
}

async function addContinues(steps: Step[], answer: RecordProof, c: Checkpoint, kept: Kept | undefined) {
  const before = kept === undefined || kept.note === "" ? undefined : parseCheckpoint(kept.note);
  if (before === undefined) {
    steps.push({ id: "continues", state: "new", values: [] });
    return;
  }
  const holds = before.origin === c.origin && (await continues(before, c, answer.consistency));
  steps.push({
    id: "continues",
    state: holds ? "good" : "bad",
    values: [
      { name: "kept", value: String(before.size) },
      { name: "size", value: String(c.size) },
    ],
  });
}
