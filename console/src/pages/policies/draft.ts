import { useEffect, useMemo, useRef, useState } from "react";
import type { File } from "@/api/policies";
import type { PolicySet } from "@/gen/policy_pb";
import { kept } from "@/lib/kept";

/** What somebody writes, and from which version. */
export interface Draft {
  base: string;
  files: File[];
}

const keyOf = (tenant: string) => `policy-draft.${tenant}`;

/** Reads what was kept; whatever else stands there is no draft. */
export function draftOf(v: unknown): Draft | undefined {
  if (typeof v !== "object" || v === null || !("base" in v) || !("files" in v)) return undefined;
  const { base, files } = v;
  if (typeof base !== "string" || !/^\d{1,18}$/.test(base) || !Array.isArray(files)) return undefined;
  const good = files.filter((f): f is File => typeof f?.name === "string" && typeof f?.text === "string");
  return good.length === files.length ? { base, files: good.map(({ name, text }) => ({ name, text })) } : undefined;
}

/** Keeps a draft in this browser; false where there is no room for it. */
export function keepDraft(tenant: string, draft: Draft | undefined): boolean {
  try {
    if (draft === undefined) localStorage.removeItem(`bulkhead.${keyOf(tenant)}`);
    else localStorage.setItem(`bulkhead.${keyOf(tenant)}`, JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

export const filesOf = (set: Pick<PolicySet, "files">): File[] => set.files.map(({ name, text }) => ({ name, text }));

export const same = (a: readonly File[], b: readonly File[]): boolean =>
  a.length === b.length && a.every((f, i) => f.name === b[i]?.name && f.text === b[i]?.text);

/** The draft of a tenant: what was kept, or what is in force. It is kept at every change. */
export function useDraft(tenant: string, set: PolicySet) {
  const fresh = useMemo((): Draft => ({ base: String(set.version), files: filesOf(set) }), [set]);
  const [draft, setDraft] = useState<Draft>(() => draftOf(kept(keyOf(tenant))) ?? fresh);
  const [room, setRoom] = useState(true);
  const changed = !same(draft.files, fresh.files);
  // Nobody wrote anything: it follows what is in force.
  const wrote = useRef(changed);
  useEffect(() => {
    if (!wrote.current && draft.base !== fresh.base) setDraft(fresh);
  }, [draft.base, fresh]);
  const put = (next: Draft) => {
    wrote.current = true;
    setDraft(next);
    setRoom(keepDraft(tenant, next));
  };
  const discard = () => {
    wrote.current = false;
    keepDraft(tenant, undefined);
    setDraft(fresh);
  };
  return { draft, put, discard, changed, stale: draft.base !== fresh.base, room };
}

/** useLate is a value that did not change for a while. */
export function useLate<T>(value: T, ms: number): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return late;
}
