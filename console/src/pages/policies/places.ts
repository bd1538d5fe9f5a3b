import type { File } from "@/api/policies";

/** Where a policy stands, by its id "FILE/ID", with the tenant in front for custom ones. */
export interface PolicyPlace {
  tenant?: string;
  file: string;
  policy: string;
}

export function placeOf(id: string): PolicyPlace | undefined {
  const parts = id.split("/");
  const [a, b, c] = parts;
  if (a === undefined || b === undefined || parts.length > 3) return undefined;
  return c === undefined ? { file: `shipped/${a}.cedar`, policy: b } : { tenant: a, file: `${b}.cedar`, policy: c };
}

/** The line of a policy in its file, from 1; 0 where it is not there. */
export function lineOf(text: string, policy: string): number {
  return lineWith(text, `@id("${policy}")`);
}

/** The line where a test begins, from 1; 0 where it is not there. */
export function lineOfTest(text: string, name: string): number {
  const lines = text.split("\n");
  return 1 + lines.findIndex((l) => /^\s*-?\s*name:/.test(l) && unquoted(l.replace(/^\s*-?\s*name:\s*/, "")) === name);
}

function unquoted(s: string): string {
  return s
    .trim()
    .replace(/\s+#.*$/, "")
    .replace(/^(["'])(.*)\1$/, "$2");
}

function lineWith(text: string, words: string): number {
  return 1 + text.split("\n").findIndex((l) => l.includes(words));
}

/** The actions of a schema that are decided, in the order of the alphabet. */
export function actionsOf(schema: string): string[] {
  const found = new Set<string>();
  for (const m of schema.matchAll(/^\s*action\s+([\w\s,]+?)(?:\s+in\s+\[[^\]]*\])?\s+appliesTo/gm))
    for (const name of (m[1] ?? "").split(",")) found.add(name.trim());
  return [...found].sort();
}

/** The types of things of a schema. */
export function typesOf(schema: string): string[] {
  return [...schema.matchAll(/^\s*entity\s+(\w+)/gm)]
    .map((m) => m[1] ?? "")
    .filter((n) => n !== "Role")
    .sort();
}

/** Whether a file may be called so. */
export function isName(name: string, others: readonly File[]): boolean {
  return /^[a-z0-9][a-z0-9._-]{0,93}(\.cedar|\.test\.yaml)$/.test(name) && !others.some((f) => f.name === name);
}
