import { type Bytes, base64, equal, hex, sha256, utf8 } from "./bytes";
import type { Tree } from "./merkle";

const ed25519 = 1;
const longest = 16 << 10;

/** A verifier key of signed notes (C2SP): NAME+HASH+KEY. */
export interface VerifierKey {
  name: string;
  /** The first four bytes of the hash over name and key, by which a signature says whose it is. */
  id: Bytes;
  key: Bytes;
}

/** parseKey reads a verifier key for Ed25519; undefined for anything else, also where its hash is not its own. */
export async function parseKey(vkey: string): Promise<VerifierKey | undefined> {
  const m = /^([^\s+]{1,300})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]{1,200})$/.exec(vkey);
  const raw = base64(m?.[3] ?? "");
  if (m === null || raw === undefined || raw.length !== 33 || raw[0] !== ed25519) return undefined;
  const name = m[1] as string;
  const id = (await sha256(utf8(`${name}\n`), raw)).slice(0, 4);
  return hex(id) === m[2] ? { name, id, key: raw.slice(1) } : undefined;
}

/** fingerprint is what people compare: SHA-256 of the key itself. */
export const fingerprint = async (k: VerifierKey): Promise<string> => hex(await sha256(k.key));

/** What a log signed: so many entries have this root. */
export interface Checkpoint extends Tree {
  origin: string;
}

interface Note {
  body: string;
  signatures: { name: string; id: Bytes; signature: Bytes }[];
}

function parseNote(raw: string): Note | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: notes have none
  if (raw.length > longest || /[\x00-\x09\x0b-\x1f]/.test(raw) || !raw.endsWith("\n")) return undefined;
  const split = raw.lastIndexOf("\n\n");
  if (split < 0) return undefined;
  const signatures: Note["signatures"] = [];
  for (const line of raw.slice(split + 2, -1).split("\n")) {
    const m = /^— ([^\s+]+) (\S+)$/.exec(line);
    const both = base64(m?.[2] ?? "");
    if (m === null || both === undefined || both.length < 5) return undefined;
    signatures.push({ name: m[1] as string, id: both.slice(0, 4), signature: both.slice(4) });
  }
  return { body: raw.slice(0, split + 1), signatures };
}

/** parseCheckpoint reads a checkpoint without looking at who signed it. */
export function parseCheckpoint(raw: string): Checkpoint | undefined {
  const lines = parseNote(raw)?.body.split("\n") ?? [];
  const [origin, size, root] = lines;
  if (lines.length < 4 || !origin || !/^(?:0|[1-9]\d{0,19})$/.test(size ?? "")) return undefined;
  const hash = base64(root ?? "");
  if (hash === undefined || hash.length !== 32) return undefined;
  return { origin, size: BigInt(size as string), root: hash };
}

/** signedBy says whether a note has a signature of the key, and all that claim to be of it hold. */
export async function signedBy(raw: string, key: VerifierKey): Promise<boolean> {
  const note = parseNote(raw);
  if (note === undefined) return false;
  const own = note.signatures.filter((s) => s.name === key.name && equal(s.id, key.id));
  if (own.length === 0) return false;
  for (const s of own) if (!(await verifies(key.key, s.signature, utf8(note.body)))) return false;
  return true;
}

/** verifies checks an Ed25519 signature: by the browser, or by a library in browsers that can't, which is loaded then. */
export async function verifies(key: Bytes, signature: Bytes, message: Bytes, subtle = crypto.subtle): Promise<boolean> {
  if (key.length !== 32 || signature.length !== 64) return false;
  let imported: CryptoKey;
  try {
    imported = await subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  } catch (err) {
    // A browser that knows the algorithm refuses a key that is none with another error.
    if (!(err instanceof Error) || err.name !== "NotSupportedError") return false;
    const { verifyAsync } = await import("@noble/ed25519");
    return verifyAsync(signature, message, key, { zip215: false }).catch(() => false);
  }
  return subtle.verify("Ed25519", imported, signature, message);
}
