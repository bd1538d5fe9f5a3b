import { type Bytes, equal, sha256 } from "./bytes";

// The tree of RFC 6962: leaves and nodes are hashed apart, so that none can stand for the other.
const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

export const leafHash = (entry: Uint8Array): Promise<Bytes> => sha256(leafPrefix, entry);
const nodeHash = (left: Uint8Array, right: Uint8Array): Promise<Bytes> => sha256(nodePrefix, left, right);

/** No proof is longer: a tree has at most 2^64 leaves. */
const longest = 128;

const whole = (path: readonly Uint8Array[]) => path.length <= longest && path.every((h) => h.length === 32);

/** rootOf is the root that a leaf has by its path (RFC 9162, 2.1.3.2); undefined where the path is not one for this place and size. */
export async function rootOf(
  leaf: Uint8Array,
  index: bigint,
  size: bigint,
  path: readonly Uint8Array[],
): Promise<Uint8Array | undefined> {
  if (index < 0n || index >= size || !whole(path)) return undefined;
  let fn = index;
  let sn = size - 1n;
  let r = leaf;
  for (const p of path) {
    if (sn === 0n) return undefined;
    if ((fn & 1n) === 1n || fn === sn) {
      r = await nodeHash(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      r = await nodeHash(r, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n ? r : undefined;
}

/** A tree that somebody signed. */
export interface Tree {
  size: bigint;
  root: Uint8Array;
}

/** continues says whether the later tree has all leaves of the earlier one at the same places (RFC 9162, 2.1.4.2). */
export async function continues(before: Tree, after: Tree, path: readonly Uint8Array[]): Promise<boolean> {
  if (before.size === after.size) return path.length === 0 && equal(before.root, after.root);
  if (before.size <= 0n || before.size > after.size || !whole(path) || path.length === 0) return false;
  // A complete tree is a node of the later one itself.
  const first = (before.size & (before.size - 1n)) === 0n ? [before.root, ...path] : [...path];
  let fn = before.size - 1n;
  let sn = after.size - 1n;
  while ((fn & 1n) === 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  let fr = first[0] as Uint8Array;
  let sr = fr;
  for (const c of first.slice(1)) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      fr = await nodeHash(c, fr);
      sr = await nodeHash(c, sr);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      sr = await nodeHash(sr, c);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && equal(fr, before.root) && equal(sr, after.root);
}
