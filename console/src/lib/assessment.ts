/** The document bulkhead.assessment/v1, as docs/schema/assessment.v1.schema.json says, as far as the console shows it. */
export interface Evidence {
  pointer: string;
  subject?: string;
  status: string;
  text: string;
  text_zh: string;
  exception?: { owner: string; reason: string; expires: string; expired?: boolean };
}

export interface Check {
  id: string;
  status: string;
  severity: string;
  essential: boolean;
  title: string;
  title_zh: string;
  references: string[];
  evidence: Evidence[];
  remediation?: string;
  remediation_zh?: string;
}

export interface RequirementResult {
  id: string;
  status: string;
  reason: string;
  reason_zh: string;
  checks: Check[];
}

const bad = ["fail", "warn", "unknown"];

/** resultOf finds a requirement in the document. */
export function resultOf(document: unknown, id: string): RequirementResult | undefined {
  const all = (document as { requirements?: RequirementResult[] } | undefined)?.requirements ?? [];
  return all.find((r) => r.id === id);
}

const rank = ["fail", "warn", "unknown", "pass", "not_applicable"];
const gravity = ["critical", "high", "medium", "low"];

/** worstFirst orders checks by what needs somebody first. */
export function worstFirst(checks: readonly Check[]): Check[] {
  return [...checks].sort(
    (a, b) => rank.indexOf(a.status) - rank.indexOf(b.status) || gravity.indexOf(a.severity) - gravity.indexOf(b.severity),
  );
}

export const needsWork = (c: Check): boolean => bad.includes(c.status);

/** at follows a JSON pointer (RFC 6901); undefined where it leads nowhere. */
export function at(document: unknown, pointer: string): unknown {
  if (pointer === "") return document;
  let value = document;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
