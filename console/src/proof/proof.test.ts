// @vitest-environment node
import { readFileSync } from "node:fs";
import { create, fromBinary, fromJson, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { expect, test, vi } from "vitest";
import { type RecordProof, RecordProofSchema, RecordSchema } from "@/gen/audit_pb";
import { entryOf } from "./agree";
import { base64, hex, text, utf8 } from "./bytes";
import { canonical } from "./canonical";
import { continues } from "./merkle";
import { parseCheckpoint, parseKey, signedBy, verifies } from "./note";
import { type Kept, type StepId, type Verdict, verifyRecord } from "./verify";

// Answers as the server gave them: control/api/audit_vectors_test.go writes them, and holds them to the server's own code.
const file = JSON.parse(readFileSync(new URL("./testdata/proofs.json", import.meta.url), "utf8")) as {
  key: string;
  answers: { kept?: string; answer: JsonValue }[];
};
const since = "2026-01-02T03:04:05.000Z";
const vectors = file.answers.map((a) => ({
  // As it comes over the wire.
  answer: fromBinary(RecordProofSchema, toBinary(RecordProofSchema, fromJson(RecordProofSchema, a.answer))),
  kept: a.kept === undefined ? undefined : { key: file.key, since, note: a.kept },
}));
const copy = (p: RecordProof): RecordProof => fromBinary(RecordProofSchema, toBinary(RecordProofSchema, p));
const idOf = (p: RecordProof) => `${p.record?.origin}/${p.record?.index}`;
const bad = (v: Verdict): StepId[] => v.steps.filter((s) => s.state === "bad").map((s) => s.id);
const last = () => {
  const v = vectors.find((x) => x.answer.record?.index === 299n);
  if (v === undefined) throw new Error("no such vector");
  return { answer: copy(v.answer), kept: v.kept as Kept };
};
const flip = (b: Uint8Array, at = 0) => {
  b[at] = (b[at] as number) ^ 1;
};

test("what the server gave holds, first seen and seen before", async () => {
  for (const v of vectors) {
    const first = await verifyRecord(idOf(v.answer), v.answer, file.key, undefined);
    expect(bad(first)).toEqual([]);
    expect(first.result).toBe("good");
    expect(first.steps.find((s) => s.id === "key")?.state).toBe("new");
    expect(first.keep?.key).toBe(file.key);
    if (v.kept === undefined) continue;
    const again = await verifyRecord(idOf(v.answer), v.answer, file.key, v.kept);
    expect(again.steps.map((s) => s.state)).toEqual(again.steps.map(() => "good"));
    expect(again.keep).toEqual({ key: file.key, since, note: v.answer.checkpoint });
  }
  expect(vectors.filter((v) => v.kept !== undefined).length).toBeGreaterThan(5);
});

test("an entry is canonical, whatever stands in it", () => {
  for (const { answer } of vectors) {
    expect(canonical(JSON.parse(text(answer.entry) ?? ""))).toBe(text(answer.entry));
    expect(entryOf(answer.entry)?.metadata?.event_code).toBe("TenantUpdate");
  }
});

test("every bit of the entry counts", async () => {
  const { answer, kept } = last();
  for (let at = 0; at < answer.entry.length; at += 7) {
    const forged = copy(answer);
    flip(forged.entry, at);
    const v = await verifyRecord(idOf(answer), forged, file.key, kept);
    expect(bad(v)).toContain("inclusion");
    expect(v.keep).toBeUndefined();
  }
});

test("every hash of the path counts, and their number and order", async () => {
  const { answer, kept } = last();
  const forged: ((p: RecordProof) => void)[] = answer.path.map((_, i) => (p) => flip(p.path[i] as Uint8Array, 31));
  forged.push(
    (p) => p.path.pop(),
    (p) => p.path.shift(),
    (p) => p.path.push(new Uint8Array(32)),
    (p) => p.path.reverse(),
    (p) => (p.path[0] = new Uint8Array(31)),
    (p) => (p.path = Array.from({ length: 1000 }, () => new Uint8Array(32))),
  );
  for (const change of forged) {
    const p = copy(answer);
    change(p);
    expect(bad(await verifyRecord(idOf(answer), p, file.key, kept))).toEqual(["inclusion"]);
  }
});

test("every line of the checkpoint counts", async () => {
  const { answer, kept } = last();
  const lines = answer.checkpoint.split("\n");
  const [origin, size, root] = lines as [string, string, string];
  for (const change of [
    (s: string) => s.replace(origin, "bulkhead/two"),
    (s: string) => s.replace(`\n${size}\n`, "\n301\n"),
    (s: string) => s.replace(`\n${size}\n`, `\n0${size}\n`),
    (s: string) => s.replace(root, `A${root.slice(1)}`),
    (s: string) => s.replace(/(— \S+ \S{20})(.)/, (_, a: string, b: string) => a + (b === "A" ? "B" : "A")),
    (s: string) => s.replace(/— (\S+) ..../, "— $1 AAAA"),
    (s: string) => s.slice(0, -1),
    (s: string) => `x${s}`,
    (s: string) => s.replace("\n\n", "\nmore\n\n"),
    (s: string) => s.split("\n\n")[0] as string,
    () => "\n",
    () => "x".repeat(20_000),
  ]) {
    const p = copy(answer);
    p.checkpoint = change(answer.checkpoint);
    expect(p.checkpoint).not.toBe(answer.checkpoint);
    const v = await verifyRecord(idOf(answer), p, file.key, kept);
    expect(bad(v)).toContain("signature");
    expect(v.result).toBe("bad");
  }
});

test("every field that the server says of the record counts", async () => {
  const { answer, kept } = last();
  const r = answer.record;
  if (r === undefined) throw new Error("no record");
  for (const field of Object.keys(create(RecordSchema)).concat("resource", "event", "time")) {
    if (field.startsWith("$")) continue;
    const p = copy(answer);
    const rec = p.record as unknown as { [name: string]: unknown };
    const was = rec[field];
    if (typeof was === "string") rec[field] = `${was}x`;
    else if (typeof was === "bigint") rec[field] = was + 1n;
    else if (field === "time") rec[field] = { ...(was as object), nanos: 1 };
    else if (field === "resource") rec[field] = { ...(was as object), id: "another" };
    else if (field === "event") rec[field] = { ...(was as object), status_code: "refused" };
    else if (field === "entry") rec[field] = Uint8Array.of(1);
    else rec[field] = { acme: 3n };
    const v = await verifyRecord(idOf(answer), p, file.key, kept);
    expect(v.result, field).toBe("bad");
    expect(
      bad(v).some((s) => s === "shown" || s === "asked"),
      field,
    ).toBe(true);
  }
});

test("another record than the one that was asked for is told", async () => {
  const { answer, kept } = last();
  expect(bad(await verifyRecord("bulkhead/one/298", answer, file.key, kept))).toEqual(["asked"]);
  const none = copy(answer);
  none.record = undefined;
  expect((await verifyRecord(idOf(answer), none, file.key, kept)).result).toBe("bad");
});

test("another key is told, also one that the whole answer was signed with", async () => {
  const { answer, kept } = last();
  const other = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("publicKey" in other)) throw new Error("no pair");
  const raw = new Uint8Array(33);
  raw[0] = 1;
  raw.set(new Uint8Array(await crypto.subtle.exportKey("raw", other.publicKey)), 1);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array([...utf8("bulkhead/one\n"), ...raw])));
  const vkey = `bulkhead/one+${hex(hash.slice(0, 4))}+${btoa(String.fromCharCode(...raw))}`;
  const body = `${answer.checkpoint.split("\n\n")[0]}\n`;
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", other.privateKey, utf8(body)));
  const forged = copy(answer);
  forged.checkpoint = `${body}\n— bulkhead/one ${btoa(String.fromCharCode(...hash.slice(0, 4), ...signature))}\n`;
  expect((await verifyRecord(idOf(answer), forged, vkey, undefined)).result).toBe("good"); // whoever sees it first can't know
  expect(bad(await verifyRecord(idOf(answer), forged, vkey, kept))).toEqual(["key", "signature"]);
  expect(bad(await verifyRecord(idOf(answer), answer, vkey, kept))).toEqual(["key"]);
  for (const wrong of [
    file.key.replace("one+", "two+"),
    file.key.slice(0, -4),
    file.key.replace(/\+[0-9a-f]{8}\+/, "+00000000+"),
    "x",
    "a".repeat(5000),
  ])
    expect((await verifyRecord(idOf(answer), answer, wrong, undefined)).result).toBe("bad");
});

test("a log that does not continue what this browser keeps is told", async () => {
  const { answer, kept } = last();
  const changed = async (f: (p: RecordProof, k: Kept) => void) => {
    const p = copy(answer);
    const k = { ...kept };
    f(p, k);
    return bad(await verifyRecord(idOf(answer), p, file.key, k));
  };
  expect(await changed(() => undefined)).toEqual([]);
  for (let i = 0; i < answer.consistency.length; i++)
    expect(await changed((p) => flip(p.consistency[i] as Uint8Array, 5))).toEqual(["continues"]);
  expect(await changed((p) => (p.consistency = []))).toEqual(["continues"]);
  expect(await changed((p) => p.consistency.push(new Uint8Array(32)))).toEqual(["continues"]);
  // Rolled back: what is kept is larger, or of the same size with another root.
  const newer = answer.checkpoint.replace("\n300\n", "\n400\n");
  const keeps = (note: string) => (p: RecordProof, k: Kept) => {
    k.note = note;
    p.consistency = [];
  };
  expect(await changed(keeps(newer))).toEqual(["continues"]);
  const rewritten = answer.checkpoint.replace(/\n300\n./, (s) => s.slice(0, -1) + (s.endsWith("A") ? "B" : "A"));
  expect(await changed(keeps(rewritten))).toEqual(["continues"]);
});

test("an answer without a proof is neither good nor bad", async () => {
  const { answer, kept } = last();
  const p = copy(answer);
  p.checkpoint = "";
  p.path = [];
  expect((await verifyRecord(idOf(answer), p, file.key, kept)).result).toBe("unproved");
  expect((await verifyRecord(idOf(answer), answer, undefined, undefined)).result).toBe("unproved");
  p.path = [new Uint8Array(32)];
  expect((await verifyRecord(idOf(answer), p, file.key, kept)).result).toBe("bad");
});

test("proofs of consistency hold between the trees that they are for", async () => {
  const root = (s: string) => parseCheckpoint(s) as { size: bigint; root: Uint8Array };
  for (const v of vectors) {
    if (v.kept === undefined) continue;
    const [a, b] = [root(v.kept.note), root(v.answer.checkpoint)];
    expect(await continues(a, b, v.answer.consistency)).toBe(a.size !== b.size || v.answer.consistency.length === 0);
    expect(await continues(b, a, v.answer.consistency)).toBe(false);
    expect(await continues({ ...a, size: a.size + 1n }, b, v.answer.consistency)).toBe(false);
    expect(await continues({ ...a, size: 0n }, b, v.answer.consistency)).toBe(false);
  }
});

test("a browser that has no Ed25519 is helped by a library that says the same", async () => {
  const key = await parseKey(file.key);
  if (key === undefined) throw new Error("no key");
  const [head, line] = (vectors[0]?.answer.checkpoint ?? "").split("\n\n");
  const signature = base64((line ?? "").trim().split(" ")[2] ?? "")?.slice(4);
  if (signature === undefined) throw new Error("no signature");
  const message = utf8(`${head}\n`);
  const unable = {
    importKey: vi.fn(() => Promise.reject(new DOMException("Unrecognized name.", "NotSupportedError"))),
  } as unknown as SubtleCrypto;
  for (const subtle of [crypto.subtle, unable]) {
    expect(await verifies(key.key, signature, message, subtle)).toBe(true);
    expect(await verifies(key.key, signature, utf8(`${head}x\n`), subtle)).toBe(false);
    const forged = signature.slice();
    flip(forged, 40);
    expect(await verifies(key.key, forged, message, subtle)).toBe(false);
    expect(
      await verifies(
        key.key.map((b) => b ^ 0xff),
        signature,
        message,
        subtle,
      ),
    ).toBe(false);
    expect(await verifies(key.key, signature.slice(1), message, subtle)).toBe(false);
  }
  expect(await signedBy(vectors[0]?.answer.checkpoint ?? "", key)).toBe(true);
});
